import CLinux
import Synchronization

/// Whether the tracking loop answers: each look leaves it a word, and sees whether the one before was taken.
final class LoopPulse: Sendable {
  private struct State {
    var asked: UInt64 = 0
    var answered: UInt64 = 0
    /// When the oldest word that was not taken was left; ns.
    var since: Int64 = 0
  }
  private let state = Mutex(State())
  /// Nanoseconds after which a loop that does not take its words is stuck.
  private static let patience: Int64 = 2_000_000_000

  /// - Returns: what is wrong; nil when nothing is.
  func look(_ loop: TrackingLoop) -> String? {
    let now = linux_monotonic_ns()
    let (number, problem) = state.withLock { state -> (UInt64, String?) in
      var problem: String?
      if state.answered == 0 {
        problem = "the tracking loop has not begun"
      } else if state.answered < state.asked, now - state.since > Self.patience {
        problem = "the tracking loop has not answered for \((now - state.since) / 1_000_000_000) s"
      }
      if state.answered == state.asked { state.since = now }
      state.asked += 1
      return (state.asked, problem)
    }
    loop.post { [self] _ in state.withLock { $0.answered = max($0.answered, number) } }
    return problem
  }
}
