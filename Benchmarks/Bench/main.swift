import Foundation

// One process, both sides of each ratio in alternating rounds, so that what else the machine does hits both.
let arguments = Set(CommandLine.arguments.dropFirst())
if arguments.contains("--help") {
  print(
    "vrbridge-bench [sessions [SECONDS] | decoders | inference IMAGE PYTHON [SERVERS_PYTHON]] [--quick] [--check]   --check: exit code 1 when a stated bound is broken that holds on any machine"
  )
  exit(0)
}
let words = Array(CommandLine.arguments.dropFirst())
switch words.first {
case "filter-input" where words.count == 2:
  try FilterBench.writeInput(to: words[1])
  exit(0)
case "filter" where words.count == 4:
  try FilterBench.run(words[1], count: Int(words[2]) ?? 0, rounds: Int(words[3]) ?? 1)
  exit(0)
case "range" where words.count == 2:
  try SessionBench.readRange(words[1])
  exit(0)
case "sessions":
  let seconds = words.count > 1 ? Int(words[1]) ?? 20 : 20
  let bench = try await BridgeBench.start()
  let recorded = try bench.record(seconds: seconds)
  print(recorded.text)
  await bench.stop()
  try await SessionBench.run(isQuick: arguments.contains("--quick"))
  exit(recorded.dropped == 0 ? 0 : 1)
case "inference" where words.count >= 3:
  do {
    try await InferenceBench.run(image: words[1], python: words[2], servers: words.count > 3 ? words[3] : nil)
  } catch {
    FileHandle.standardError.write(Data("vrbridge-bench: \(error)\n".utf8))
    exit(1)
  }
  exit(0)
case "decoders" where words.count == 1:
  try DecoderBench.run()
  exit(0)
case "queries" where words.count == 1:
  FilterBench.queries()
  exit(0)
default: break
}
let rounds = arguments.contains("--quick") ? 2 : 6
var failures: [String] = []

let bench = try await BridgeBench.start()
let result = try await bench.latency(rounds: rounds, secondsPerRound: arguments.contains("--quick") ? 1 : 3)
print(result.text)
if result.allocations != 0 { failures.append("the tracking thread allocated \(result.allocations) times") }
await bench.stop()

let sessions = try await BridgeBench.start()
let recorded = try sessions.record(seconds: 5)
print(recorded.text)
if recorded.dropped != 0 { failures.append("the recorder lost \(recorded.dropped) records") }
if recorded.allocations != 0 {
  failures.append("the tracking thread allocated \(recorded.allocations) times while it was recorded")
}
await sessions.stop()

let process = try ProcessBench.run(starts: arguments.contains("--quick") ? 3 : 10)
print(process.text)
if process.residentMegabytes > 60 { failures.append("the daemon holds \(process.residentMegabytes) MB") }

// Times depend on the machine and are reported; allocations and memory do not.
if arguments.contains("--check"), !failures.isEmpty {
  for failure in failures { print("FAILED: \(failure)") }
  exit(1)
}
