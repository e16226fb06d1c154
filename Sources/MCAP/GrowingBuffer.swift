/// Bytes that are appended in place and thrown away together; memory is kept. (An array zeroes what it appends and checks
/// each time whether it is shared: measured, half of the time of writing a message.)
final class GrowingBuffer {
  private var memory: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  init(capacity: Int) { memory = .allocate(byteCount: max(64, capacity), alignment: 16) }

  deinit { memory.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[0..<count]) }

  /// Room for so many bytes more, valid until the next call; what is in it is left over.
  func append(_ size: Int) -> UnsafeMutableRawBufferPointer {
    if count + size > memory.count {
      let larger = UnsafeMutableRawBufferPointer.allocate(
        byteCount: max(count + size, memory.count * 2), alignment: 16)
      larger.copyMemory(from: bytes)
      memory.deallocate()
      memory = larger
    }
    defer { count += size }
    return UnsafeMutableRawBufferPointer(rebasing: memory[count..<(count + size)])
  }

  func removeAll() { count = 0 }
}
