import CLinux
import Foundation
import Glibc
import Synchronization

/// A confined process that does work on foreign data, started at the first request and again after it failed.
///
/// The process has no network, no devices and no files beyond those of its plan, a limit of memory, and a limit of time for
/// each request. Requests run one after another. Queue: bounded; a request to a full queue is refused. An answer is copied
/// and its lengths are checked once; nothing that the process writes is trusted.
public final class SandboxProcess: Sendable {
  private let core: Core

  /// - Parameters:
  ///   - program: the file that is started; its main function calls `SandboxWorker.runIfAsked`.
  ///   - counter: counts what happens to the process.
  ///   - report: receives messages for the operator.
  public init(
    _ plan: SandboxPlan, program: String = SandboxProgram.standard,
    counter: SandboxCounter = SandboxCounter(),
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    core = Core(plan, program: program, counter: counter, report: report)
  }

  deinit { core.close() }

  public var counts: SandboxCounts { core.counter.value }

  /// Makes a request.
  ///
  /// - Parameters:
  ///   - parts: payload; copied to the shared memory.
  ///   - limit: time of the request; nil for that of the plan.
  ///   - read: makes the result of an answer and the memory with its parts, which the process may still be changing. It
  ///     throws `answerInvalid` for an impossible answer, after which the process is ended.
  public func call<Value: Sendable>(
    _ operation: UInt32, body: [UInt8] = [], parts: [[UInt8]] = [], within limit: Duration? = nil,
    read: @escaping Reader<Value>
  ) async throws(SandboxError) -> Value {
    let result: Result<Value, SandboxError> = await withCheckedContinuation { continuation in
      submit(operation, body, parts, limit, read) { continuation.resume(returning: $0) }
    }
    return try result.get()
  }

  /// Makes a request and blocks the calling thread.
  ///
  /// - Parameter patience: time that the caller waits, with the requests before; then it gets `timeout`, and the result is
  ///   dropped when it comes.
  public func callAndWait<Value: Sendable>(
    _ operation: UInt32, body: [UInt8] = [], parts: [[UInt8]] = [], patience: Duration,
    read: @escaping Reader<Value>
  ) throws(SandboxError) -> Value {
    let done = DispatchSemaphore(value: 0)
    let box = Mutex<Result<Value, SandboxError>?>(nil)
    submit(operation, body, parts, nil, read) { result in
      box.withLock { $0 = result }
      done.signal()
    }
    _ = done.wait(timeout: .now() + patience / .seconds(1))
    guard let result = box.withLock({ $0 }) else {
      throw SandboxError(.timeout, "there was no result after \(patience)")
    }
    return try result.get()
  }

  public typealias Reader<Value> =
    @Sendable (SandboxMessage, UnsafeRawBufferPointer) throws(SandboxError) -> Value

  private func submit<Value: Sendable>(
    _ operation: UInt32, _ body: [UInt8], _ parts: [[UInt8]], _ limit: Duration?,
    _ read: @escaping Reader<Value>, _ finish: @escaping @Sendable (Result<Value, SandboxError>) -> Void
  ) {
    core.submit(
      Core.Job(operation: operation, body: body, parts: parts, limit: limit) { answer in
        let result: Result<Value, SandboxError>
        do throws(SandboxError) {
          let (message, memory) = try answer.get()
          result = .success(try read(message, memory))
        } catch { result = .failure(error) }
        finish(result)
        guard case .failure(let error) = result else { return true }
        return error.cause != .answerInvalid
      })
  }
}

/// The queue of a confined process and the thread that serves it.
private final class Core: Sendable {
  struct Job: Sendable {
    typealias Answer = Result<(SandboxMessage, UnsafeRawBufferPointer), SandboxError>
    var operation: UInt32
    var body: [UInt8]
    var parts: [[UInt8]]
    var limit: Duration?
    /// Returns false when the answer was impossible.
    var finish: @Sendable (Answer) -> Bool
  }

  private struct State {
    var jobs: [Job] = []
    var hasThread = false
    var isClosed = false
  }

  let counter: SandboxCounter
  let plan: SandboxPlan
  let program: String
  let report: @Sendable (String) -> Void
  private let state = Mutex(State())
  private let wake = linux_eventfd()

  init(
    _ plan: SandboxPlan, program: String, counter: SandboxCounter,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.plan = plan
    self.counter = counter
    self.program = program
    self.report = report
  }

  deinit { if wake >= 0 { Glibc.close(wake) } }

  func close() {
    state.withLock { $0.isClosed = true }
    linux_eventfd_signal(wake)
  }

  func submit(_ job: Job) {
    guard wake >= 0 else {
      _ = job.finish(
        .failure(SandboxError(.unavailable, "no file descriptor is left for a confined process")))
      return
    }
    enum Admission { case first, queued, full }
    let admission = state.withLock { state -> Admission in
      guard state.jobs.count < plan.queueLimit else { return .full }
      state.jobs.append(job)
      defer { state.hasThread = true }
      return state.hasThread ? .queued : .first
    }
    switch admission {
    case .full:
      counter.change { $0.refused += 1 }
      _ = job.finish(
        .failure(
          SandboxError(
            .busy, "\(plan.queueLimit) requests wait for the confined process '\(plan.role)'; try again later"
          )))
      return
    case .first:
      let thread = Thread { [self] in
        linux_name_thread("sandbox")
        var server = SandboxServer(self)
        server.run()
      }
      thread.stackSize = 1 << 20
      thread.start()
    case .queued: break
    }
    linux_eventfd_signal(wake)
  }

  /// Waits for a request.
  ///
  /// - Parameter socket: of the idle process; −1 without one.
  /// - Returns: `ended` when the idle process ended or sent something, and nil when the owner is gone.
  func next(watching socket: Int32) -> Work? {
    while true {
      let step = state.withLock { state -> Step in
        if state.isClosed { return .close }
        return state.jobs.isEmpty ? .wait : .serve(state.jobs.removeFirst())
      }
      switch step {
      case .serve(let job): return .job(job)
      case .close: return nil
      case .wait: break
      }
      let ready = linux_wait_until(
        [wake, socket], socket < 0 ? 1 : 2, linux_monotonic_ns() + 3600 * 1_000_000_000)
      if ready & 1 != 0 { linux_eventfd_drain(wake) }
      if ready & 2 != 0 { return .ended }
    }
  }

  private enum Step: Sendable {
    case serve(Job)
    case wait
    case close
  }

  enum Work: Sendable {
    case job(Job)
    case ended
  }

  /// Fails what waits when the owner is gone.
  func drain() {
    for job in state.withLock({ state in
      defer { state.jobs = [] }
      return state.jobs
    }) {
      _ = job.finish(.failure(SandboxError(.unavailable, "the confined process was closed")))
    }
  }
}

/// Serves the requests of one confined process on one thread.
private struct SandboxServer {
  private let core: Core
  private var memory: SandboxMemory?
  private var child: SandboxChild?
  private var number: UInt64 = 0
  /// Failures since the last success, and the time before which the process is not started again.
  private var failures = 0
  private var notBefore = ContinuousClock.now
  private var hasWarned = false

  init(_ core: Core) { self.core = core }

  private var plan: SandboxPlan { core.plan }

  mutating func run() {
    while let work = core.next(watching: child?.socket ?? -1) {
      switch work {
      case .ended:
        fail("ended while it was idle") { $0.deaths += 1 }
      case .job(let job): serve(job)
      }
    }
    child?.end()
    core.drain()
  }

  private mutating func serve(_ job: Core.Job) {
    core.counter.change { $0.requests += 1 }
    let answer: Core.Job.Answer
    var ranges: (given: [Range<Int>], taken: [Range<Int>]) = ([], [])
    do throws(SandboxError) {
      let (message, memory, given) = try exchange(job)
      ranges = (given, message.parts)
      answer =
        message.kind == SandboxMessage.success
        ? .success((message, memory.output)) : .failure(message.refusal)
    } catch { answer = .failure(error) }
    if !job.finish(answer), child != nil {
      fail("sent an invalid answer and was ended") { $0.invalidAnswers += 1 }
    } else if case .success = answer {
      failures = 0
    }
    memory?.release(ranges.given, ranges.taken)
  }

  private mutating func exchange(
    _ job: Core.Job, isRepeated: Bool = false
  ) throws(SandboxError) -> (SandboxMessage, SandboxMemory, [Range<Int>]) {
    let (child, memory) = try started()
    number += 1
    guard let ranges = memory.write(job.parts),
      let packet = SandboxMessage(kind: job.operation, number: number, parts: ranges, body: job.body).bytes
    else {
      throw SandboxError(
        .tooLarge,
        "the request is larger than the \(plan.input >> 20) MiB that the confined process '\(plan.role)' takes"
      )
    }
    let limit = job.limit ?? plan.timeLimit
    guard child.send(packet) else {
      // It ended before this request, which another process can do.
      guard plan.restarts, !isRepeated else { throw ended() }
      fail("ended while it was idle") { $0.deaths += 1 }
      return try exchange(job, isRepeated: true)
    }
    let ready = linux_wait_readable(child.socket, Int64(limit / .nanoseconds(1)))
    guard ready == 1 else {
      fail("exceeded \(limit) and was ended") { $0.timeouts += 1 }
      throw SandboxError(
        .timeout, "the time limit of \(limit) passed; the confined process '\(plan.role)' was ended")
    }
    do throws(SandboxError) {
      guard let message = try child.receive(capacity: plan.output) else { throw ended() }
      guard message.number == number else {
        throw SandboxError(.answerInvalid, "the confined process '\(plan.role)' answered another request")
      }
      return (message, memory, ranges)
    } catch {
      if error.cause == .answerInvalid, self.child != nil {
        fail("sent an invalid answer and was ended") { $0.invalidAnswers += 1 }
      }
      throw error
    }
  }

  private mutating func ended() -> SandboxError {
    let reason = child?.end() ?? "not running"
    fail("ended during a request (\(reason))") { $0.deaths += 1 }
    var error = SandboxError(
      .ended, "the confined process '\(plan.role)' ended during the request (\(reason))")
    error.detail = reason
    return error
  }

  private mutating func started() throws(SandboxError) -> (SandboxChild, SandboxMemory) {
    let memory: SandboxMemory
    if let made = self.memory { memory = made } else { memory = try SandboxMemory(plan) }
    self.memory = memory
    if let child { return (child, memory) }
    guard plan.restarts || failures == 0 else {
      throw SandboxError(.ended, "the confined process '\(plan.role)' has ended")
    }
    guard ContinuousClock.now >= notBefore else {
      throw SandboxError(
        .restarting,
        "the confined process '\(plan.role)' failed \(failures) times in a row and is started again later")
    }
    do throws(SandboxError) {
      let made = try SandboxChild(plan, program: core.program, memory: memory.descriptor)
      core.counter.change { $0.starts += 1 }
      let confinement = try made.confinement()
      core.counter.change { $0.confinement = confinement }
      try judge(confinement)
      child = made
      return (made, memory)
    } catch {
      delay()
      throw error
    }
  }

  private mutating func judge(_ confinement: SandboxConfinement) throws(SandboxError) {
    // The calls of libraries reach files, which Landlock alone bounds.
    let lacksFiles = plan.folder != nil && confinement.landlock == 0
    guard !confinement.filtersCalls || lacksFiles else { return }
    let missing = confinement.filtersCalls ? "files (Landlock)" : "system calls (seccomp)"
    guard plan.fallback == .warn else {
      throw SandboxError(
        .unconfined,
        "the kernel does not restrict \(missing) and 'sandbox: without_seccomp' is 'refuse'; permit it in the kernel or container, or set the key to 'warn'"
      )
    }
    if !hasWarned {
      core.report(
        "the process '\(plan.role)' runs without restriction of \(missing): the kernel does not offer it")
    }
    hasWarned = true
  }

  private mutating func fail(_ event: String, _ count: (inout SandboxCounts) -> Void) {
    child?.end()
    child = nil
    memory?.discard()
    core.counter.change(count)
    core.report("the confined process '\(plan.role)' \(event)")
    delay()
  }

  /// The first restart is immediate; each further one waits twice as long, 5 s at most.
  private mutating func delay() {
    failures += 1
    guard failures > 1 else { return }
    let pause = 100 << min(failures - 2, 10)
    notBefore = ContinuousClock.now + Duration.milliseconds(min(5000, pause))
  }
}
