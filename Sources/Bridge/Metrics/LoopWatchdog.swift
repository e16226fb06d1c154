import CLinux
import Synchronization
import TrackingPipeline

/// Detects a stuck tracking loop: each check posts a command and tests whether the one before has run.
final class LoopWatchdog: Sendable {
  private struct State {
    var posted: UInt64 = 0
    var done: UInt64 = 0
    /// When the oldest command that has not run was posted; ns.
    var since: Int64 = 0
  }
  private let state = Mutex(State())
  /// Nanoseconds after which a loop that runs no command is stuck.
  private static let timeout: Int64 = 2_000_000_000

  /// Checks the loop.
  ///
  /// - Returns: the problem; nil for none.
  func check(_ loop: TrackingLoop) -> String? {
    let now = linux_monotonic_ns()
    let (number, problem) = state.withLock { state -> (UInt64, String?) in
      var problem: String?
      if state.done == 0 {
        problem = "the tracking loop has not begun"
      } else if state.done < state.posted, now - state.since > Self.timeout {
        problem = "the tracking loop has not run for \((now - state.since) / 1_000_000_000) s"
      }
      if state.done == state.posted { state.since = now }
      state.posted += 1
      return (state.posted, problem)
    }
    loop.offer { [self] _ in state.withLock { $0.done = max($0.done, number) } }
    return problem
  }
}
