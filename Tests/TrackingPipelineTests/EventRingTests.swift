import CLinux
import Glibc
import Testing
import TrackingPipeline

/// The wake-ups of a ring's consumer.
struct EventRingTests {
  private func isSignalled(_ ring: EventRing<Int>) -> Bool {
    var entry = pollfd(fd: ring.wakeDescriptor, events: Int16(POLLIN), revents: 0)
    defer { linux_eventfd_drain(ring.wakeDescriptor) }
    return poll(&entry, 1, 0) == 1
  }

  @Test func aWaitingConsumerIsWokenOnceForABatch() {
    let ring = EventRing(capacity: 8, empty: 0)
    #expect(ring.isEmpty && ring.prepareToWait())
    ring.beginBatch()
    for index in 0..<3 { ring.push(index) }
    #expect(!isSignalled(ring) && !ring.isEmpty)
    ring.endBatch()
    #expect(isSignalled(ring))
    #expect(ring.pop() == 0 && ring.pop() == 1 && ring.pop() == 2 && ring.isEmpty)
    // Outside a batch each element wakes.
    #expect(ring.prepareToWait())
    ring.push(4)
    #expect(isSignalled(ring))
  }

  @Test func anEmptyBatchAndABusyConsumerNeedNoWakeUp() {
    let ring = EventRing(capacity: 8, empty: 0)
    #expect(ring.prepareToWait())
    ring.beginBatch()
    ring.endBatch()
    #expect(!isSignalled(ring))
    // The consumer took the elements by itself while the batch lasted.
    ring.beginBatch()
    ring.push(1)
    _ = ring.pop()
    ring.endBatch()
    #expect(!isSignalled(ring))
    // It still waits: the next element wakes it.
    ring.push(2)
    #expect(isSignalled(ring))
  }

  @Test func anElementOfABatchKeepsTheConsumerFromWaiting() {
    let ring = EventRing(capacity: 8, empty: 0)
    ring.beginBatch()
    ring.push(1)
    #expect(!ring.prepareToWait())
    ring.endBatch()
    #expect(!isSignalled(ring))
  }
}
