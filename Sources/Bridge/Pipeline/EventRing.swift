import CLinux
import Glibc
import Synchronization

/// A bounded queue between two threads: one puts in, one takes out, neither waits, locks or allocates.
///
/// Policy: `dropNewest` with a count. The consumer of the tracking loop's events is woken at once, so the ring
/// fills only when the machine stalls for seconds.
///
/// `@unchecked Sendable`: each slot is written before the tail that shows it and read before the head that frees
/// it.
final class EventRing<Element: BitwiseCopyable>: @unchecked Sendable {
  private let slots: UnsafeMutablePointer<Element>
  private let mask: Int
  private let head = Atomic<Int>(0)
  private let tail = Atomic<Int>(0)
  private let isConsumerWaiting = Atomic<Bool>(false)
  private let droppedCount = Atomic<UInt64>(0)
  /// Readable when something was put in while the consumer waited.
  let wakeDescriptor: Int32

  /// - Parameter capacity: rounded up to a power of two.
  init(capacity: Int, empty: Element) {
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

  var dropped: UInt64 { droppedCount.load(ordering: .relaxed) }

  func push(_ element: Element) {
    let position = tail.load(ordering: .relaxed)
    guard position - head.load(ordering: .acquiring) <= mask else {
      droppedCount.add(1, ordering: .relaxed)
      return
    }
    slots[position & mask] = element
    tail.store(position + 1, ordering: .sequentiallyConsistent)
    if isConsumerWaiting.exchange(false, ordering: .sequentiallyConsistent) {
      linux_eventfd_signal(wakeDescriptor)
    }
  }

  func pop() -> Element? {
    let position = head.load(ordering: .relaxed)
    guard position < tail.load(ordering: .acquiring) else { return nil }
    let element = slots[position & mask]
    head.store(position + 1, ordering: .releasing)
    return element
  }

  /// Call before waiting on `wakeDescriptor`; false when something is there already.
  func prepareToWait() -> Bool {
    isConsumerWaiting.store(true, ordering: .sequentiallyConsistent)
    if head.load(ordering: .relaxed) < tail.load(ordering: .sequentiallyConsistent) {
      isConsumerWaiting.store(false, ordering: .sequentiallyConsistent)
      return false
    }
    return true
  }
}
