import Sensing

/// Publishes tracked states to readers, such as the shared pose page.
package protocol StatePublisher: AnyObject, Sendable {
  /// Publishes the newest state of a slot. Runs on the tracking thread: no allocation, lock or system call.
  func publish(slot: Int, _ state: TrackedState)
}
