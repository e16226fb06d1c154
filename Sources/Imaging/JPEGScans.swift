import Glibc

/// The scans of a JPEG (ITU T.81, annex B): each costs a pass over the whole picture, however few bytes it has.
///
/// Ten bytes announce a scan, so that a file of a megabyte can ask for a hundred thousand passes.
enum JPEGScans {
  /// Encoders write up to 12 scans for a progressive picture; optimising ones a few more.
  static let maximum = 100
  /// Pixels times scans, at most: sixteen scans of the largest picture, a fraction of a second.
  static let maximumWork = 1 << 30

  /// Whether a picture asks for more passes than a real one.
  static func areTooMany(_ bytes: [UInt8], pixels: Int) -> Bool {
    let count = count(bytes)
    return count > maximum || count > 1 && count > maximumWork / max(1, pixels)
  }

  /// Counts the scans up to one more than the maximum; 1 for a picture whose only scan holds all components, after which a
  /// decoder stops.
  static func count(_ bytes: [UInt8]) -> Int {
    bytes.withUnsafeBytes { bytes in
      var (index, count) = (0, 0)
      var frame: (isProgressive: Bool, components: UInt8)?
      while count <= maximum, let marker = nextMarker(bytes, &index) {
        switch marker {
        // Without a segment: TEM, restarts, start of image.
        case 0x01, 0xD0...0xD8: continue
        // End of image: a decoder reads no further.
        case 0xD9: return count
        default: break
        }
        guard index + 2 <= bytes.count else { return count }
        let segment = index
        index += max(2, Int(bytes[segment]) << 8 | Int(bytes[segment + 1]))
        switch marker {
        // Frame headers; C4, C8 and CC are tables.
        case 0xC0...0xCF where marker != 0xC4 && marker != 0xC8 && marker != 0xCC:
          if segment + 7 < bytes.count { frame = (marker & 3 == 2, bytes[segment + 7]) }
        case 0xDA:
          count += 1
          if count == 1, let frame, !frame.isProgressive, segment + 2 < bytes.count,
            bytes[segment + 2] == frame.components
          {
            return 1
          }
        default: break
        }
      }
      return count
    }
  }

  /// Finds the next marker from an index on, which it moves behind the marker.
  private static func nextMarker(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> UInt8? {
    while index < bytes.count, let base = bytes.baseAddress,
      let found = memchr(base + index, 0xFF, bytes.count - index)
    {
      index = base.distance(to: UnsafeRawPointer(found)) + 1
      while index < bytes.count, bytes[index] == 0xFF { index += 1 }
      guard index < bytes.count else { return nil }
      let code = bytes[index]
      index += 1
      // FF 00 is a byte of data.
      if code != 0 { return code }
    }
    return nil
  }
}
