import Foundation
import Synchronization

/// Runs one inference after the other, on the calling thread or on a thread of its own.
///
/// Not a queue of Dispatch: libdispatch supervises the threads of its pool through `/proc/THREAD/stat` and ends the process
/// when it may not read that, as in a confined process (`_dispatch_workq_monitor_pools` of swift-corelibs-libdispatch).
final class InferenceQueue: Sendable {
  /// What the thread and the owner share; the thread lives until the owner is gone.
  private final class Shared: Sendable {
    struct State {
      var jobs: [@Sendable () -> Void] = []
      var isClosed = false
      var hasThread = false
    }
    let state = Mutex(State())
    let wake = DispatchSemaphore(value: 0)
    /// Held by the job that runs.
    let turn = Mutex<Void>(())
  }
  private let shared = Shared()

  deinit {
    shared.state.withLock { $0.isClosed = true }
    shared.wake.signal()
  }

  /// Runs the job on the calling thread, after the one that runs now.
  func sync<Value>(_ job: () -> sending Value) -> sending Value { shared.turn.withLock { _ in job() } }

  /// Runs the job later. The number of waiting jobs is limited by the callers: each waits for its result.
  func async(_ job: @escaping @Sendable () -> Void) {
    let startsThread = shared.state.withLock { state in
      state.jobs.append(job)
      defer { state.hasThread = true }
      return !state.hasThread
    }
    if startsThread {
      let thread = Thread { [shared] in Self.run(shared) }
      thread.name = "inference"
      thread.start()
    }
    shared.wake.signal()
  }

  private static func run(_ shared: Shared) {
    while true {
      shared.wake.wait()
      let (job, isClosed) = shared.state.withLock { state in
        (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
      }
      if let job { shared.turn.withLock { _ in job() } } else if isClosed { return }
    }
  }
}
