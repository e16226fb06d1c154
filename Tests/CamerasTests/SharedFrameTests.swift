import CLinux
import Foundation
import Glibc
import Imaging
import Sensing
import Spatial
import Testing

@testable import Cameras

/// Memory of a client with frames.
@Suite(.serialized)
struct SharedFrameTests {
  /// fcntl's F_ADD_SEALS and its seals (linux/fcntl.h).
  private static let addSeals: Int32 = 1033
  private enum Seals {
    static let shrink: Int32 = 0x2
    static let grow: Int32 = 0x4
    static let futureWrite: Int32 = 0x10
    static let needed = shrink | futureWrite
  }

  /// A memory file of a client, mapped writable; unmapped and closed when it is freed.
  private final class ClientMemory {
    let descriptor: Int32
    let bytes: UnsafeMutableRawBufferPointer

    init(_ size: Int, isWritten: Bool = true, seals: Int32 = Seals.needed) throws {
      descriptor = linux_memory_file("shared-frame")
      try #require(descriptor >= 0 && ftruncate(descriptor, size) == 0)
      let map = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
      try #require(map != MAP_FAILED)
      bytes = UnsafeMutableRawBufferPointer(start: map, count: size)
      if isWritten { bytes.initializeMemory(as: UInt8.self, repeating: 0) }
      try #require(seals == 0 || fcntl(descriptor, SharedFrameTests.addSeals, seals) == 0)
    }

    func fill(_ start: Int, _ count: Int, _ value: UInt8) {
      UnsafeMutableRawBufferPointer(rebasing: bytes[start..<(start + count)])
        .initializeMemory(as: UInt8.self, repeating: value)
    }

    deinit {
      munmap(bytes.baseAddress, bytes.count)
      close(descriptor)
    }
  }

  private let layout: PixelLayout

  init() throws { layout = try PixelLayout(.grey, width: 64, height: 32) }

  private func ring(_ descriptor: Int32, slots: Int = 2, slotSize: Int? = nil) throws -> SharedFrameRing {
    try SharedFrameRing(descriptor: descriptor, layout, slots: slots, slotSize: slotSize, share: 0)
  }

  private func refusal(_ descriptor: Int32, slots: Int = 2, slotSize: Int? = nil) -> SharedFrameError.Cause? {
    #expect(throws: SharedFrameError.self) {
      _ = try ring(descriptor, slots: slots, slotSize: slotSize)
    }?.cause
  }

  private func refusal(
    _ memory: ClientMemory, slots: Int = 2, slotSize: Int? = nil
  ) -> SharedFrameError.Cause? {
    defer { withExtendedLifetime(memory) {} }
    return refusal(memory.descriptor, slots: slots, slotSize: slotSize)
  }

  private func mappings() throws -> Int {
    try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n").count {
      $0.contains("memfd:shared-frame")
    }
  }

  @Test func aFrameIsReadWhereItIs() throws {
    let memory = try ClientMemory(3 * 4096)
    let ring = try ring(memory.descriptor, slots: 3, slotSize: 4096)
    for (slot, value) in [(0, 10), (1, 20), (2, 30)] as [(Int, UInt8)] {
      memory.fill(slot * 4096, layout.size, value)
    }
    for (index, value) in [(2, 30), (0, 10), (1, 20)] as [(Int, UInt8)] {
      let frame = CameraFrame(
        camera: "c", pixels: PixelData(layout, .shared(try ring.slot(index))),
        captured: Timestamp(nanoseconds: 1), received: Timestamp(nanoseconds: 1))
      #expect(ring.inUse == 1 << UInt32(index))
      let image = try frame.image()
      #expect(image[63, 31] == (value, value, value) && image[0, 0] == (value, value, value))
      #expect(abs(Int(try JPEG.decode(try frame.jpeg())[5, 5].red) - Int(value)) <= 2)
      // What the client writes is seen without another mapping.
      memory.bytes[index * 4096] = 99
      #expect(try frame.image()[0, 0].red == 99)
    }
    #expect(ring.inUse == 0)
    #expect(throws: SharedFrameError.self) { try ring.slot(3) }
    #expect(throws: SharedFrameError.self) { try ring.slot(-1) }
  }

  /// A frame that is read keeps its memory, and its slot counts as in use.
  @Test func memoryStaysMappedWhileAFrameIsRead() throws {
    let memory = try ClientMemory(2 * layout.size)
    memory.bytes[0] = 77
    var ring: SharedFrameRing? = try ring(memory.descriptor)
    var first = try ring?.slot(0)
    let second = try ring?.slot(0)
    first = nil
    #expect(first == nil && ring?.inUse == 1)
    // Unmapped memory would end the process at the next line.
    ring = nil
    #expect(second?.withBytes { $0[0] } == 77)
  }

  @Test func mappingsEndWithTheirRings() throws {
    let memory = try ClientMemory(2 * layout.size)
    let before = try mappings()
    for _ in 0..<100 { _ = try ring(memory.descriptor).slot(1) }
    #expect(try mappings() == before)
  }

  @Test func whatIsNoSealedMemoryIsRefused() throws {
    let size = 2 * layout.size
    // Could shrink, or lose pages, under the reader.
    for seals in [0, Seals.grow, Seals.shrink, Seals.futureWrite, Seals.grow | Seals.futureWrite] {
      #expect(refusal(try ClientMemory(size, seals: seals)) == .unsealed)
    }
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let file = open("/proc/self/exe", O_RDONLY)
    let folder = open("/tmp", O_RDONLY)
    let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let event = linux_eventfd()
    for descriptor in ends + [file, folder, socket, event] {
      #expect(refusal(descriptor) == .descriptor || refusal(descriptor) == .unsealed)
      close(descriptor)
    }
    #expect(refusal(-1) == .descriptor)
    #expect(refusal(file) == .descriptor)
  }

  @Test func sizesAreChecked() throws {
    let size = 2 * layout.size
    let memory = try ClientMemory(size)
    #expect(refusal(memory, slots: 3) == .size)
    #expect(refusal(memory, slots: 2, slotSize: layout.size + 1) == .size)
    #expect(refusal(memory, slots: 2, slotSize: layout.size - 1) == .layout)
    #expect(refusal(memory, slots: 16, slotSize: .max) == .layout)
    #expect(refusal(memory, slots: 0) == .layout)
    #expect(refusal(memory, slots: 17) == .layout)
    #expect(refusal(memory, slots: -1) == .layout)
    #expect(try ring(memory.descriptor, slots: 1).count == 1)
    // Pages that the reader would have to allocate: all, and the last one, whatever was allocated behind the end.
    #expect(refusal(try ClientMemory(size, isWritten: false)) == .unwritten)
    let part = try ClientMemory(size, isWritten: false)
    part.fill(0, 1, 1)
    #expect(posix_fallocate(part.descriptor, 4096, 1 << 20) == 0)
    #expect(refusal(part, slots: 8) == .unwritten)
  }

  /// The seals that are asked for hold: neither the size nor the pages can be taken away.
  @Test func sealedMemoryCanNotVanish() throws {
    let memory = try ClientMemory(4 * layout.size)
    let ring = try ring(memory.descriptor)
    #expect(ftruncate(memory.descriptor, 0) == -1)
    // MADV_REMOVE of madvise(2) makes a hole in the file.
    #expect(madvise(memory.bytes.baseAddress, 4096, 9) == -1)
    #expect(try ring.slot(1).withBytes { $0.allSatisfy { $0 == 0 } })
  }

  /// Pixels that change while they are read change colours, nothing else.
  @Test func pixelsMayChangeWhileTheyAreRead() async throws {
    let layout = try PixelLayout(.nv12, width: 640, height: 480)
    let memory = try ClientMemory(layout.size)
    let ring = try SharedFrameRing(descriptor: memory.descriptor, layout, slots: 1, share: 0)
    let frame = CameraFrame(
      camera: "c", pixels: PixelData(layout, .shared(try ring.slot(0))), captured: Timestamp(nanoseconds: 1),
      received: Timestamp(nanoseconds: 1))
    let reading = Task.detached {
      for _ in 0..<20 {
        #expect(try frame.image().pixels.count == 640 * 480 * 4)
        _ = try frame.jpeg(quality: 50)
        _ = try frame.halves()
      }
    }
    for round in 0..<40 { memory.fill(0, layout.size, UInt8(round * 6)) }
    try await reading.value
  }
}
