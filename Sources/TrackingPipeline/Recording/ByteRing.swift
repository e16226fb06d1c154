import Glibc
import Synchronization

/// A bounded queue of byte records between a producer and a consumer thread, neither of which waits or locks.
///
/// Policy: `dropNewest`; the producer counts records that found no room. The kernel maps all of the memory when the ring
/// is made, so that the producer never waits for a page fault.
///
/// `@unchecked Sendable`: bytes are written before the tail that shows them and read before the head that frees them.
package final class ByteRing: @unchecked Sendable {
  private let memory: UnsafeMutableRawPointer
  package let capacity: Int
  private let head = Atomic<Int>(0)
  private let tail = Atomic<Int>(0)
  /// The end of reserved records that are not committed yet; belongs to the producer.
  private var pending = 0

  /// Size of the length in front of each record.
  private static let header = 8
  /// The length that marks the rest of the memory as unused.
  private static let wrap = UInt64.max

  /// Returns nil when the kernel has no memory.
  ///
  /// - Parameter capacity: bytes, rounded up to a power of two.
  package init?(capacity: Int) {
    var size = 1 << 16
    while size < capacity { size *= 2 }
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE
    guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0),
      memory != MAP_FAILED
    else { return nil }
    self.memory = memory
    self.capacity = size
  }

  deinit { munmap(memory, capacity) }

  package var used: Int { tail.load(ordering: .relaxed) - head.load(ordering: .relaxed) }

  /// Reserves a record; returns nil without room. `commit` shows all reserved records together.
  package func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer? {
    let size = Self.header + (count + 7) & ~7
    let offset = pending & (capacity - 1)
    let toEnd = capacity - offset
    let needed = size <= toEnd ? size : toEnd + size
    guard pending + needed - head.load(ordering: .acquiring) <= capacity, size < capacity / 2 else {
      return nil
    }
    var start = offset
    if size > toEnd {
      memory.storeBytes(of: Self.wrap, toByteOffset: offset, as: UInt64.self)
      pending += toEnd
      start = 0
    }
    memory.storeBytes(of: UInt64(count), toByteOffset: start, as: UInt64.self)
    pending += size
    return UnsafeMutableRawBufferPointer(start: memory + start + Self.header, count: count)
  }

  package func commit() { tail.store(pending, ordering: .releasing) }

  /// Discards the records reserved since the last `commit`.
  package func rollBack() { pending = tail.load(ordering: .relaxed) }

  /// Passes the oldest record, valid until `body` returns.
  ///
  /// - Returns: false when no record waits.
  package func pop(_ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    var position = head.load(ordering: .relaxed)
    let end = tail.load(ordering: .acquiring)
    guard position < end else { return false }
    var offset = position & (capacity - 1)
    var count = memory.load(fromByteOffset: offset, as: UInt64.self)
    if count == Self.wrap {
      position += capacity - offset
      offset = 0
      count = memory.load(as: UInt64.self)
    }
    body(UnsafeRawBufferPointer(start: memory + offset + Self.header, count: Int(count)))
    head.store(position + Self.header + (Int(count) + 7) & ~7, ordering: .releasing)
    return true
  }
}
