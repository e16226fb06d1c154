import Compression
import Foundation
import Testing

@testable import Evaluation

struct MATFileTests {
  private func little(_ value: UInt64, _ width: Int) -> [UInt8] {
    (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
  }

  private func element(_ type: UInt64, _ data: [UInt8]) -> [UInt8] {
    little(type, 4) + little(UInt64(data.count), 4) + data
      + [UInt8](repeating: 0, count: (8 - data.count % 8) % 8)
  }

  private func matrix(_ name: String, rows: Int, columns: Int, type: UInt64, _ data: [UInt8]) -> [UInt8] {
    element(
      14,
      element(6, little(6, 8)) + element(5, little(UInt64(rows), 4) + little(UInt64(columns), 4))
        + element(1, Array(name.utf8)) + element(type, data))
  }

  private var header: [UInt8] { [UInt8](repeating: 32, count: 124) + [0, 1] + Array("IM".utf8) }

  @Test func readsPlainAndCompressedArrays() throws {
    let doubles = [1.5, -2, 3, 4, 5, .pi].flatMap { little($0.bitPattern, 8) }
    let small = matrix("flags", rows: 3, columns: 1, type: 2, [1, 0, 255])
    let compressed = try deflateZlib(matrix("angles", rows: 2, columns: 3, type: 9, doubles))
    let bytes = header + small + little(15, 4) + little(UInt64(compressed.count), 4) + compressed
    let file = try MATFile(bytes: bytes)
    #expect(file.arrays["flags"]?.values == [1, 0, 255])
    let angles = try #require(file.arrays["angles"])
    #expect(angles[0, 0] == 1.5 && angles[1, 0] == -2 && angles[1, 2] == .pi)
  }

  @Test func saysWhatIsWrong() {
    #expect(throws: MATError.self) { try MATFile(bytes: Array("MATLAB 7.3".utf8)) }
    let lying = matrix("x", rows: 5, columns: 5, type: 9, [UInt8](repeating: 0, count: 8))
    #expect { try MATFile(bytes: header + lying) } throws: { "\($0)".contains("array 'x'") }
    // Sizes whose product in bytes is beyond any integer must not trap.
    let huge = matrix("y", rows: 0x7fff_ffff, columns: 0x7fff_ffff, type: 9, little(0, 8))
    #expect { try MATFile(bytes: header + huge) } throws: { "\($0)".contains("array 'y'") }
    let cut = Array((header + matrix("x", rows: 1, columns: 1, type: 9, little(0, 8))).dropLast(9))
    #expect { try MATFile(bytes: cut) } throws: { "\($0)".contains("cut off") }
  }
}
