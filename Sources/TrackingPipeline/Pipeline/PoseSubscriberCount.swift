import Synchronization

/// The number of subscriptions to poses. Without one the tracking thread publishes to the page only.
package final class PoseSubscriberCount: Sendable {
  private let count = Atomic<Int>(0)

  package init() {}

  package var isWanted: Bool { count.load(ordering: .relaxed) > 0 }
  package func set(_ subscriptions: Int) { count.store(subscriptions, ordering: .relaxed) }
}
