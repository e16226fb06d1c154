import Foundation
import Synchronization

/// A queue of one: what is newest waits for a slow reader, the rest is dropped and counted.
///
/// `@unchecked Sendable`: the state is guarded by the condition's lock.
public final class LatestOnly<Element: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var element: Element?
  private var isClosed = false
  private var droppedCount: UInt64 = 0

  public init() {}

  public var dropped: UInt64 { condition.withLock { droppedCount } }

  /// Never waits.
  public func put(_ new: Element) {
    condition.withLock {
      if element != nil { droppedCount += 1 }
      element = new
      condition.signal()
    }
  }

  /// Waits for the next element.
  ///
  /// - Returns: nil when the queue was closed, or nothing came in time.
  public func take(within seconds: Double = .infinity) -> Element? {
    condition.withLock {
      let end = seconds.isFinite ? Date().addingTimeInterval(seconds) : .distantFuture
      while element == nil, !isClosed {
        guard condition.wait(until: end) else { break }
      }
      defer { element = nil }
      return element
    }
  }

  public func close() {
    condition.withLock {
      isClosed = true
      condition.broadcast()
    }
  }
}
