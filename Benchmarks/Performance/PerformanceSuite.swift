import Evaluation
import Foundation

/// Runs the bridge and its C baselines in one process, in alternating rounds, so that other load of the machine affects
/// both sides of each ratio.
package enum PerformanceSuite {
  /// Measures latency, recording, start and memory; prints the results.
  ///
  /// - Parameters:
  ///   - isQuick: whether fewer and shorter rounds are run.
  ///   - commit: of the program, for the results.
  /// - Returns: broken bounds that hold on any machine: allocations, lost records, memory. Times depend on the machine.
  package static func run(
    isQuick: Bool, commit: String
  ) async throws -> (failures: [String], results: PerformanceResults) {
    var failures: [String] = []
    var results = PerformanceResults(commit: commit)
    print("Commit \(results.commit), \(results.date), \(results.machine)\n")
    let bench = try await BridgeBench.start()
    let result = try await bench.latency(rounds: isQuick ? 2 : 6, secondsPerRound: isQuick ? 1 : 3)
    print(result.text)
    results.values.merge(result.values) { $1 }
    if result.allocations != 0 {
      failures.append("the tracking thread allocated \(result.allocations) times")
    }
    await bench.stop()

    let sessions = try await BridgeBench.start()
    let recorded = try sessions.record(seconds: 5)
    print(recorded.text)
    if recorded.dropped != 0 { failures.append("the recorder lost \(recorded.dropped) records") }
    if recorded.allocations != 0 {
      failures.append("the tracking thread allocated \(recorded.allocations) times during recording")
    }
    await sessions.stop()

    let process = try ProcessBench.run(starts: isQuick ? 3 : 10)
    print(process.text)
    results.values.merge(process.values) { $1 }
    if process.residentMegabytes > 40 {
      failures.append("the daemon holds \(process.residentMegabytes) MB")
    }
    return (failures, results)
  }

  /// Measures recording for some seconds, then writing, reading and replaying sessions.
  ///
  /// - Returns: the number of lost records.
  package static func sessions(seconds: Int, isQuick: Bool) async throws -> UInt64 {
    let bench = try await BridgeBench.start()
    let recorded = try bench.record(seconds: seconds)
    print(recorded.text)
    await bench.stop()
    try await SessionBench.run(isQuick: isQuick)
    return recorded.dropped
  }

  /// Reads one second of a session by its index; prints time and memory of this process.
  package static func readRange(_ path: String) throws { try SessionBench.readRange(path) }

  package static func decoders() throws { try DecoderBench.run() }

  package static func queries() { FilterBench.queries() }

  package static func writeFilterInput(to path: String) throws { try FilterBench.writeInput(to: path) }

  package static func filter(_ path: String, count: Int, rounds: Int) throws {
    try FilterBench.run(path, count: count, rounds: rounds)
  }

  package static func processes(image: String) async throws { try await ProcessSplitBench.run(image: image) }

  /// Compares hands in clients' frames, over each way to the bridge, with MediaPipe.
  package static func frames(image: String, python: String) async throws {
    try await FrameBench.run(image: image, python: python)
  }

  /// Compares models with MediaPipe, OpenVINO's benchmark_app and, with `servers`, MLServer.
  package static func inference(image: String, python: String, servers: String?) async throws {
    try await InferenceBench.run(image: image, python: python, servers: servers)
  }
}
