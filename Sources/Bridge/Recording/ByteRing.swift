import Glibc
import Synchronization

/// A bounded queue of byte records between two threads: one puts in, one takes out, neither waits or locks.
///
/// Policy: `dropNewest`; whoever puts in counts what found no room. All of the memory is taken when the ring is made, so
/// that the thread that puts in never waits for a page.
///
/// `@unchecked Sendable`: bytes are written before the tail that shows them and read before the head that frees them.
final class ByteRing: @unchecked Sendable {
  private let memory: UnsafeMutableRawPointer
  let capacity: Int
  private let head = Atomic<Int>(0)
  private let tail = Atomic<Int>(0)
  /// The producer's own: what was reserved and not yet shown.
  private var pending = 0

  /// Bytes in front of each record: its length.
  private static let header = 8
  /// A length that says that the rest up to the end of the memory is empty.
  private static let wrap = UInt64.max

  /// - Parameter capacity: rounded up to a power of two. Nil when the kernel has no memory.
  init?(capacity: Int) {
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

  var used: Int { tail.load(ordering: .relaxed) - head.load(ordering: .relaxed) }

  /// Room for a record; nil when there is none. Several may be reserved before `commit` shows them together.
  func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer? {
    let size = Self.header + (count + 7) & ~7
    let place = pending & (capacity - 1)
    let toEnd = capacity - place
    let needed = size <= toEnd ? size : toEnd + size
    guard pending + needed - head.load(ordering: .acquiring) <= capacity, size < capacity / 2 else {
      return nil
    }
    var start = place
    if size > toEnd {
      memory.storeBytes(of: Self.wrap, toByteOffset: place, as: UInt64.self)
      pending += toEnd
      start = 0
    }
    memory.storeBytes(of: UInt64(count), toByteOffset: start, as: UInt64.self)
    pending += size
    return UnsafeMutableRawBufferPointer(start: memory + start + Self.header, count: count)
  }

  func commit() { tail.store(pending, ordering: .releasing) }

  /// Takes back what was reserved since the last `commit`.
  func rollBack() { pending = tail.load(ordering: .relaxed) }

  /// The oldest record, valid until `body` returns.
  ///
  /// - Returns: false when there was none.
  func pop(_ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    var position = head.load(ordering: .relaxed)
    let end = tail.load(ordering: .acquiring)
    guard position < end else { return false }
    var place = position & (capacity - 1)
    var count = memory.load(fromByteOffset: place, as: UInt64.self)
    if count == Self.wrap {
      position += capacity - place
      place = 0
      count = memory.load(as: UInt64.self)
    }
    body(UnsafeRawBufferPointer(start: memory + place + Self.header, count: Int(count)))
    head.store(position + Self.header + (Int(count) + 7) & ~7, ordering: .releasing)
    return true
  }
}
