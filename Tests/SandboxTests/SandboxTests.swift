import Foundation
import Sandbox
import Synchronization
import TestSupport
import Testing

/// A confined process that behaves as one which an attacker has taken over, and its parent.
@Suite(.serialized)
struct SandboxTests {
  /// Operations of `sandbox-probe`.
  enum Operation: UInt32 { case attempts, endless, allocate, echo, crash, garbage, process }

  private let messages = Messages()

  final class Messages: Sendable {
    private let list = Mutex<[String]>([])
    func add(_ text: String) { list.withLock { $0.append(text) } }
    var all: [String] { list.withLock { $0 } }
  }

  private func process(
    _ role: String = "probe-compute", _ change: (inout SandboxPlan) -> Void = { _ in }
  ) -> SandboxProcess {
    var plan = SandboxPlan(role: role)
    plan.timeLimit = .seconds(20)
    change(&plan)
    let messages = messages
    return SandboxProcess(plan, program: Program.folder + "/sandbox-probe") { messages.add($0) }
  }

  private func text(_ process: SandboxProcess, _ operation: Operation) async throws(SandboxError) -> String {
    try await process.call(operation.rawValue) { (message, _) throws(SandboxError) in
      String(decoding: message.body, as: UTF8.self)
    }
  }

  private func echo(_ process: SandboxProcess, _ bytes: [UInt8]) async throws(SandboxError) -> [UInt8] {
    try await process.call(Operation.echo.rawValue, parts: [bytes]) {
      (message, memory) throws(SandboxError) in
      Array(memory[message.parts[0]])
    }
  }

  private func cause(_ body: () async throws -> Void) async -> SandboxError.Cause? {
    do { try await body() } catch { return (error as? SandboxError)?.cause }
    return nil
  }

  private static func resident() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
  }

  private static func descriptors() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
  }

  @Test(arguments: ["probe-compute", "probe-libraries"])
  func theProcessReachesNothing(_ role: String) async throws {
    let process = process(role)
    let lines = try await text(process, .attempts).split(separator: "\n")
    #expect(lines.count > 25)
    let confinement = try #require(process.counts.confinement)
    try #require(confinement.filtersCalls, "the kernel offers no seccomp")
    for line in lines where line.hasPrefix("0 ") {
      // Reading is left to Landlock where libraries are loaded.
      if role == "probe-libraries", confinement.landlock == 0,
        ["read", "list", "remove", "make"].contains(where: { line.dropFirst(2).hasPrefix($0) })
      {
        continue
      }
      Issue.record("\(role): '\(line.dropFirst(2))' succeeded")
    }
  }

  @Test func theProcessHasLimitsAndNoPrivileges() async throws {
    let process = process()
    let id = try await text(process, .process)
    let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "Threads:\t1"] {
      #expect(status.contains(line), "\(line)")
    }
    let limits = try String(contentsOfFile: "/proc/\(id)/limits", encoding: .utf8)
    // Columns of a fixed width: name, soft limit, hard limit, unit.
    func limit(_ name: String) -> String? {
      let line = limits.split(separator: "\n").first { $0.hasPrefix(name) }
      return line?.dropFirst(26).split(separator: " ").first.map(String.init)
    }
    #expect(limit("Max data size") == String(512 << 20))
    #expect(limit("Max file size") == "0" && limit("Max core file size") == "0")
    #expect(limit("Max open files") == "16")
    let environment = try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(id)/environ"))
    #expect(environment.map { !String(decoding: $0, as: UTF8.self).contains("HOME=") } ?? true)
  }

  @Test func aMemoryBombEndsTheProcessAlone() async throws {
    let process = process { $0.memory = 256 << 20 }
    let before = try Self.resident()
    #expect(await cause { _ = try await text(process, .allocate) } == .ended)
    #expect(try Self.resident() - before < 64 << 20)
    #expect(try await echo(process, [1, 2, 3]) == [1, 2, 3])
    #expect(process.counts.deaths == 1 && process.counts.starts == 2)
    #expect(messages.all.contains { $0.contains("signal 6") }, "\(messages.all)")
  }

  @Test func anEndlessRequestIsStopped() async throws {
    let process = process()
    let id = try await text(process, .process)
    let reply = await cause {
      try await process.call(Operation.endless.rawValue, within: .milliseconds(300)) {
        (_, _) throws(SandboxError) in
      }
    }
    #expect(reply == .timeout)
    #expect(process.counts.timeouts == 1)
    #expect(!FileManager.default.fileExists(atPath: "/proc/\(id)"), "it still runs, or nobody reaped it")
    #expect(try await echo(process, [7]) == [7])
  }

  @Test func aKilledProcessIsAnErrorOfTheRequestUnderWay() async throws {
    let process = process()
    let id = try await text(process, .process)
    async let reply = cause {
      try await process.call(Operation.endless.rawValue) { (_, _) throws(SandboxError) in }
    }
    await eventually {
      (try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8))?.contains(") R ") == true
    }
    kill(try #require(pid_t(id)), SIGKILL)
    #expect(await reply == .ended)
    // Killed while it is idle: the next request finds another one.
    let second = try await text(process, .process)
    kill(try #require(pid_t(second)), SIGKILL)
    await eventually { process.counts.deaths == 2 }
    await eventually { (try? await self.text(process, .process)) != nil }
    #expect(process.counts.starts == 3 && !FileManager.default.fileExists(atPath: "/proc/\(second)"))
  }

  @Test func aProcessWithAStateIsNotStartedAgain() async throws {
    let process = process { $0.restarts = false }
    _ = try await echo(process, [1])
    for _ in 0..<3 { #expect(await cause { _ = try await text(process, .crash) } == .ended) }
    #expect(process.counts.starts == 1 && process.counts.deaths == 1)
  }

  @Test func repeatedFailuresAreFollowedByAPause() async throws {
    let process = process()
    var causes: [SandboxError.Cause?] = []
    for _ in 0..<12 { causes.append(await cause { _ = try await text(process, .crash) }) }
    #expect(causes.first == .ended && causes.contains(.restarting), "\(causes)")
    #expect(process.counts.starts < 12)
    #expect(await eventually { (try? await self.echo(process, [1])) == [1] })
  }

  /// Whatever the process sends, the parent survives, and a later request is not answered by it.
  @Test func garbageIsRefused() async throws {
    let process = process { $0.timeLimit = .seconds(2) }
    var generator = SystemRandomNumberGenerator()
    let valid = try #require(
      SandboxMessage(kind: 0, number: 1, parts: [0..<100], body: [1, 2, 3]).bytes)
    var packets: [[UInt8]] = [
      [0], Array(valid.prefix(23)), valid + [0], [UInt8](repeating: 0xff, count: 64),
      [UInt8](repeating: 7, count: SandboxMessage.maximumSize),
    ]
    for _ in 0..<20 {
      var packet = valid
      for _ in 0..<3 {
        packet[Int.random(in: 0..<packet.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      packets.append(packet)
    }
    var refused = 0
    for packet in packets {
      let found = await cause {
        try await process.call(Operation.garbage.rawValue, parts: [packet]) {
          (message, memory) throws(SandboxError) in
          guard message.parts.allSatisfy({ $0.upperBound <= memory.count }) else { return }
        }
      }
      if found == .answerInvalid { refused += 1 }
      await eventually { (try? await self.echo(process, packet)) == packet }
    }
    #expect(refused >= 5 && process.counts.invalidAnswers >= 5, "\(refused) of \(packets.count)")
  }

  @Test func aFullQueueRefuses() async throws {
    let process = process { $0.queueLimit = 2 }
    _ = try await echo(process, [1])
    let causes = await withTaskGroup(of: SandboxError.Cause?.self) { group -> [SandboxError.Cause?] in
      for _ in 0..<8 {
        group.addTask {
          await self.cause {
            try await process.call(Operation.endless.rawValue, within: .milliseconds(100)) {
              (_, _) throws(SandboxError) in
            }
          }
        }
      }
      var list: [SandboxError.Cause?] = []
      for await cause in group { list.append(cause) }
      return list
    }
    #expect(causes.contains(.busy) && causes.contains(.timeout), "\(causes)")
    #expect(process.counts.refused >= 5)
  }

  @Test func aRequestThatIsTooLargeIsRefused() async throws {
    let process = process { $0.inputCapacity = 1 << 16 }
    #expect(await cause { _ = try await echo(process, [UInt8](repeating: 1, count: 1 << 17)) } == .tooLarge)
    #expect(try await echo(process, [5]) == [5])
    #expect(process.counts.starts == 1)
  }

  @Test func aMissingProgramIsAnError() async throws {
    let process = SandboxProcess(SandboxPlan(role: "probe-compute"), program: "/nonexistent/vrbridge")
    #expect(await cause { _ = try await text(process, .process) } == .unavailable)
    let other = SandboxProcess(
      SandboxPlan(role: "no-such-role"), program: Program.folder + "/sandbox-probe")
    #expect(await cause { _ = try await text(other, .process) } == .unavailable)
  }

  @Test func nothingLeaks() async throws {
    func round() async throws {
      let process = process()
      _ = try await echo(process, [UInt8](repeating: 3, count: 1000))
      _ = await cause { _ = try await text(process, .crash) }
      _ = try await echo(process, [1])
    }
    try await round()
    let before = try Self.descriptors()
    for _ in 0..<5 { try await round() }
    #expect(await eventually { (try? Self.descriptors()).map { $0 <= before } == true })
  }
}
