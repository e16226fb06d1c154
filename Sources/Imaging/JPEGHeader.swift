/// The segments before the first scan of a JPEG (ITU T.81, annex B; EXIF 2.3, section 4).
struct JPEGHeader {
  /// EXIF's orientation, 1 to 8; 1 without one.
  private(set) var orientation = 1
  /// Colour components of the frame; 0 without one.
  private(set) var components = 0
  /// Whether the file has Adobe's segment, whose CMYK values are inverted.
  private(set) var isAdobe = false

  init(_ bytes: [UInt8]) {
    var offset = 2
    while offset + 4 <= bytes.count, bytes[offset] == 0xFF {
      let marker = bytes[offset + 1]
      // A fill byte.
      if marker == 0xFF {
        offset += 1
        continue
      }
      guard marker != 0xDA, marker != 0xD9 else { return }
      let length = Int(bytes[offset + 2]) << 8 | Int(bytes[offset + 3])
      guard length >= 2, offset + 2 + length <= bytes.count else { return }
      let segment = bytes[(offset + 4)..<(offset + 2 + length)]
      switch marker {
      case 0xE1: if let found = Self.orientation(segment) { orientation = found }
      case 0xEE: if segment.starts(with: Array("Adobe".utf8)) { isAdobe = true }
      // Frame headers; C4, C8 and CC are tables.
      case 0xC0...0xCF where marker != 0xC4 && marker != 0xC8 && marker != 0xCC:
        if segment.count > 5 { components = Int(segment[segment.startIndex + 5]) }
      default: break
      }
      offset += 2 + length
    }
  }

  /// Reads tag 0x0112 of the first directory of an EXIF segment.
  private static func orientation(_ segment: ArraySlice<UInt8>) -> Int? {
    guard segment.starts(with: Array("Exif\0\0".utf8)) else { return nil }
    let tiff = Array(segment.dropFirst(6))
    guard tiff.count >= 8 else { return nil }
    let isBigEndian: Bool
    switch (tiff[0], tiff[1]) {
    case (0x49, 0x49): isBigEndian = false
    case (0x4D, 0x4D): isBigEndian = true
    default: return nil
    }
    func number(_ offset: Int, _ count: Int) -> Int? {
      guard offset >= 0, offset + count <= tiff.count else { return nil }
      let slice = tiff[offset..<(offset + count)]
      return (isBigEndian ? Array(slice) : slice.reversed()).reduce(0) { $0 << 8 | Int($1) }
    }
    guard number(2, 2) == 42, let start = number(4, 4), let count = number(start, 2) else { return nil }
    for index in 0..<count {
      let entry = start + 2 + index * 12
      guard let tag = number(entry, 2) else { return nil }
      guard tag == 0x0112 else { continue }
      // One SHORT, left-aligned in the value field.
      guard number(entry + 2, 2) == 3, let value = number(entry + 8, 2), (1...8).contains(value) else {
        return nil
      }
      return value
    }
    return nil
  }
}

extension RGBImage {
  /// Returns the image upright.
  ///
  /// - Parameter orientation: EXIF's, 1 to 8: which side of the scene the stored first row and first column are.
  func upright(_ orientation: Int) -> RGBImage {
    guard (2...8).contains(orientation) else { return self }
    let isTurned = orientation >= 5
    let (newWidth, newHeight) = isTurned ? (height, width) : (width, height)
    var result = [UInt8](repeating: 255, count: pixels.count)
    for y in 0..<newHeight {
      for x in 0..<newWidth {
        let (column, row): (Int, Int) =
          switch orientation {
          case 2: (width - 1 - x, y)
          case 3: (width - 1 - x, height - 1 - y)
          case 4: (x, height - 1 - y)
          case 5: (y, x)
          case 6: (y, height - 1 - x)
          case 7: (width - 1 - y, height - 1 - x)
          default: (width - 1 - y, x)
          }
        let (from, to) = ((row * width + column) * 4, (y * newWidth + x) * 4)
        for channel in 0..<4 { result[to + channel] = pixels[from + channel] }
      }
    }
    return RGBImage(width: newWidth, height: newHeight, pixels: result) ?? self
  }

  /// Converts packed C M Y K without a profile: each colour is the product of its ink and black.
  ///
  /// - Parameter isInverted: whether 255 means no ink, as Adobe's programs write it.
  init?(cmyk bytes: [UInt8], width: Int, height: Int, isInverted: Bool) {
    guard bytes.count == width * height * 4 else { return nil }
    var pixels = bytes
    for index in stride(from: 0, to: pixels.count, by: 4) {
      let black = Int(isInverted ? bytes[index + 3] : 255 - bytes[index + 3])
      for channel in 0..<3 {
        let paper = Int(isInverted ? bytes[index + channel] : 255 - bytes[index + channel])
        pixels[index + channel] = UInt8((paper * black + 127) / 255)
      }
      pixels[index + 3] = 255
    }
    self.init(width: width, height: height, pixels: pixels)
  }
}
