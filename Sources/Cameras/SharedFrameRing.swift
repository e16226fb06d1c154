import CLinux
public import Diagnostics
import Glibc
public import Imaging
import Synchronization

/// Memory of a client that holds frames, in slots of equal size, mapped read-only.
///
/// The client may write at any time, so the content of a slot may change while it is read. The file can't shrink and keeps
/// its pages, so that reading never fails.
///
/// `@unchecked Sendable`: the mapping does not change before it ends with the object.
public final class SharedFrameRing: @unchecked Sendable {
  public let layout: PixelLayout
  /// Number of slots.
  public let count: Int
  private let slotSize: Int
  private let memory: UnsafeRawBufferPointer
  /// Readers of each slot.
  private let readers: Mutex<[Int]>
  /// Gives the memory's bytes back to a budget when it is freed.
  private let share: any Sendable

  /// Slots, at most: more frames never wait.
  public static let maximumSlots = 16
  /// Bytes of one ring, at most: five frames of 4K in RGB.
  public static let maximumBytes = 128 << 20

  /// Maps the memory.
  ///
  /// - Parameters:
  ///   - descriptor: of a memory file (memfd_create(2)); the caller closes it.
  ///   - slotSize: bytes from one slot to the next; nil for the size of a picture.
  ///   - share: is kept as long as the memory is mapped.
  /// - Throws: `SharedFrameError` for memory that does not hold the slots, or could vanish.
  public init(
    descriptor: Int32, _ layout: PixelLayout, slots: Int, slotSize: Int? = nil, share: any Sendable
  ) throws(SharedFrameError) {
    guard (1...Self.maximumSlots).contains(slots) else {
      throw SharedFrameError(.layout, "a ring has 1 to \(Self.maximumSlots) slots, not \(slots)")
    }
    let slotSize = slotSize ?? layout.size
    guard slotSize >= layout.size, slotSize <= Self.maximumBytes / slots else {
      throw SharedFrameError(
        .layout,
        "\(slots) slots of \(slotSize) bytes are not accepted: a picture has \(layout.size), and a ring at most \(Self.maximumBytes) bytes"
      )
    }
    var address: UnsafeRawPointer?
    let result = linux_map_shared(descriptor, slots * slotSize, &address)
    guard result == 0, let address else { throw Self.error(result, needed: slots * slotSize) }
    self.layout = layout
    count = slots
    self.slotSize = slotSize
    self.share = share
    memory = UnsafeRawBufferPointer(start: address, count: slots * slotSize)
    readers = Mutex(Array(repeating: 0, count: slots))
  }

  deinit { linux_unmap_shared(memory.baseAddress, memory.count) }

  private static func error(_ result: Int32, needed: Int) -> SharedFrameError {
    switch linux_shared_problem(UInt32(max(0, result))) {
    case LINUX_SHARED_NO_MEMORY:
      SharedFrameError(.descriptor, "the descriptor is no memory file; create one with memfd_create")
    case LINUX_SHARED_UNSEALED:
      SharedFrameError(
        .unsealed,
        "the memory file lacks the seals F_SEAL_SHRINK and F_SEAL_FUTURE_WRITE; map it, then add them")
    case LINUX_SHARED_TOO_SMALL:
      SharedFrameError(.size, "the memory file is smaller than its slots, which need \(needed) bytes")
    case LINUX_SHARED_UNWRITTEN:
      SharedFrameError(
        .unwritten, "the memory file has pages that were never written; fill it before sealing it")
    default:
      SharedFrameError(.mapping, "the memory file can't be mapped: \(String(cString: strerror(-result)))")
    }
  }

  /// Returns a slot to be read; it counts as in use until the result is freed.
  ///
  /// - Throws: `SharedFrameError` for a slot that the ring does not have.
  public func slot(_ index: Int) throws(SharedFrameError) -> SharedFrameSlot {
    guard (0..<count).contains(index) else {
      throw SharedFrameError(.slot, "the ring has the slots 0 to \(count - 1), not \(index)")
    }
    readers.withLock { $0[index] += 1 }
    return SharedFrameSlot(ring: self, index: index)
  }

  /// The slots in use: bit *n* for slot *n*.
  public var inUse: UInt32 {
    readers.withLock { readers in
      readers.indices.reduce(0) { readers[$1] > 0 ? $0 | 1 << UInt32($1) : $0 }
    }
  }

  fileprivate func bytes(of index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: memory[(index * slotSize)..<(index * slotSize + layout.size)])
  }

  fileprivate func release(_ index: Int) { readers.withLock { $0[index] -= 1 } }
}

/// A slot that is read.
public final class SharedFrameSlot: Sendable {
  private let ring: SharedFrameRing
  private let index: Int

  fileprivate init(ring: SharedFrameRing, index: Int) {
    self.ring = ring
    self.index = index
  }

  deinit { ring.release(index) }

  func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // The memory must stay mapped until the body has ended.
    defer { withExtendedLifetime(self) {} }
    return try body(ring.bytes(of: index))
  }
}

/// Memory with frames is refused.
public struct SharedFrameError: CodedError, Sendable, Equatable {
  public enum Cause: String, Sendable {
    /// The format, the dimensions or the slots are invalid
    case layout = "shared-frames-layout"
    /// The request came without a descriptor of a memory file
    case descriptor = "shared-frames-descriptor"
    /// The memory file lacks seals, so that it could vanish while it is read
    case unsealed = "shared-frames-unsealed"
    /// The memory file is smaller than its slots, or more memory is shared than is permitted
    case size = "shared-frames-size"
    /// Pages of the memory file were never written
    case unwritten = "shared-frames-unwritten"
    /// The memory file can't be mapped
    case mapping = "shared-frames-mapping"
    /// The ring does not have the slot
    case slot = "shared-frames-slot"
  }

  public var cause: Cause
  public var description: String
  public var code: String { cause.rawValue }

  public init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}
