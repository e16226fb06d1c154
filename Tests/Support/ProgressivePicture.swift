/// Pictures that are small as files and large in work.
public enum ProgressivePicture {
  /// A progressive JPEG in grey: a first scan, and more with one table and no data.
  ///
  /// - Parameters:
  ///   - size: width and height in pixels.
  ///   - payload: bytes of a comment before each scan.
  public static func grey(_ size: Int, scans: Int = 2, payload: Int = 0) -> [UInt8] {
    func word(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
    var bytes: [UInt8] = [0xFF, 0xD8, 0xFF, 0xDB] + word(67) + [0] + [UInt8](repeating: 1, count: 64)
    bytes += [0xFF, 0xC2] + word(11) + [8] + word(size) + word(size) + [1, 1, 0x11, 0]
    // One code of one bit: no difference of DC, the end of a block of AC.
    for table: UInt8 in [0x00, 0x10] {
      bytes += [0xFF, 0xC4] + word(20) + [table, 1] + [UInt8](repeating: 0, count: 15) + [0]
    }
    bytes += [0xFF, 0xDA] + word(8) + [1, 1, 0x00, 0, 0, 0]
    for _ in 1..<max(1, scans) {
      if payload > 0 { bytes += [0xFF, 0xFE] + word(payload + 2) + [UInt8](repeating: 0x20, count: payload) }
      bytes += [0xFF, 0xDA] + word(8) + [1, 1, 0x00, 1, 63, 0]
    }
    return bytes + [0xFF, 0xD9]
  }
}
