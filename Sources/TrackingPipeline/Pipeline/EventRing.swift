import CLinux
import Glibc
import Sensing
import Synchronization

/// A bounded queue of plain values between two threads: a producer and a consumer, neither of which waits, locks or
/// allocates.
///
/// Policy: `dropNewest` with a count.
///
/// `@unchecked Sendable`: each slot is written before the tail that shows it and read before the head that frees
/// it; `isBatch` belongs to the producer.
package final class EventRing<Element: BitwiseCopyable>: @unchecked Sendable {
  private let slots: UnsafeMutablePointer<Element>
  private let mask: Int
  private let head = Atomic<Int>(0)
  private let tail = Atomic<Int>(0)
  private let isConsumerWaiting = Atomic<Bool>(false)
  /// Belongs to the producer.
  private var isBatch = false
  private let droppedCount = Atomic<UInt64>(0)
  /// Readable when an element was pushed while the consumer waited.
  package let wakeDescriptor: Int32

  /// - Parameter capacity: rounded up to a power of two.
  package init(capacity: Int, empty: Element) {
    var size = 2
    while size < capacity { size *= 2 }
    mask = size - 1
    slots = .allocate(capacity: size)
    slots.initialize(repeating: empty, count: size)
    wakeDescriptor = linux_eventfd()
  }

  deinit {
    slots.deallocate()
    Glibc.close(wakeDescriptor)
  }

  /// Elements that found no room.
  package var dropped: UInt64 { droppedCount.load(ordering: .relaxed) }

  // MARK: producer

  /// Returns whether there was room.
  @discardableResult
  package func push(_ element: Element) -> Bool {
    let position = tail.load(ordering: .relaxed)
    guard position - head.load(ordering: .acquiring) <= mask else {
      droppedCount.add(1, ordering: .relaxed)
      return false
    }
    slots[position & mask] = element
    show(position + 1)
    return true
  }

  /// Pushes all elements, or none when there is not room for all.
  ///
  /// - Returns: whether there was room.
  package func push(contentsOf elements: [Element]) -> Bool {
    let position = tail.load(ordering: .relaxed)
    guard position + elements.count - head.load(ordering: .acquiring) <= mask + 1 else {
      droppedCount.add(UInt64(elements.count), ordering: .relaxed)
      return false
    }
    for (offset, element) in elements.enumerated() { slots[(position + offset) & mask] = element }
    show(position + elements.count)
    return true
  }

  /// Holds back the wake-up of the consumer until `endBatch`: a wake-up for each element costs a system call, and the
  /// consumer may preempt the producer. Elements are visible at once.
  package func beginBatch() { isBatch = true }

  /// Wakes the consumer if it waits and elements were pushed since it began to wait.
  package func endBatch() {
    isBatch = false
    if !isEmpty { wakeConsumer() }
  }

  private func show(_ end: Int) {
    tail.store(end, ordering: .sequentiallyConsistent)
    if !isBatch { wakeConsumer() }
  }

  private func wakeConsumer() {
    // The exchange alone would write to a cache line that the consumer reads.
    guard isConsumerWaiting.load(ordering: .sequentiallyConsistent),
      isConsumerWaiting.exchange(false, ordering: .sequentiallyConsistent)
    else { return }
    linux_eventfd_signal(wakeDescriptor)
  }

  // MARK: consumer

  package var isEmpty: Bool {
    head.load(ordering: .acquiring) == tail.load(ordering: .sequentiallyConsistent)
  }

  package func pop() -> Element? { pop(before: tail.load(ordering: .acquiring)) }

  /// The position behind the newest element, for `pop(before:)`.
  package var end: Int { tail.load(ordering: .acquiring) }

  /// Takes the oldest element that was pushed before `end` was read.
  package func pop(before end: Int) -> Element? {
    let position = head.load(ordering: .relaxed)
    guard position < end else { return nil }
    let element = slots[position & mask]
    head.store(position + 1, ordering: .releasing)
    return element
  }

  /// Call before waiting on `wakeDescriptor`; returns false when an element waits already.
  package func prepareToWait() -> Bool {
    isConsumerWaiting.store(true, ordering: .sequentiallyConsistent)
    if head.load(ordering: .relaxed) < tail.load(ordering: .sequentiallyConsistent) {
      isConsumerWaiting.store(false, ordering: .sequentiallyConsistent)
      return false
    }
    return true
  }
}

extension EventRing where Element == TrackingEvent {
  package convenience init(capacity: Int) {
    self.init(capacity: capacity, empty: TrackingEvent(.ended, device: DeviceID(0), role: .none))
  }
}
