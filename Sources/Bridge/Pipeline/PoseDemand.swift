import Synchronization

/// Whether any client subscribed to poses: without one the tracking thread writes the page only.
final class PoseDemand: Sendable {
  private let count = Atomic<Int>(0)
  var isWanted: Bool { count.load(ordering: .relaxed) > 0 }
  func set(_ subscriptions: Int) { count.store(subscriptions, ordering: .relaxed) }
}
