import Compression
import Diagnostics

/// A MATLAB file that cannot be read.
public struct MATError: CodedError, Sendable {
  public var code: String { "mat-file-invalid" }
  public var description: String
}

/// Numeric arrays of a MATLAB 5 file, by name (MAT-File Format, The MathWorks, R2020a). Cells, structures, text and
/// sparse arrays are skipped.
public struct MATFile: Sendable {
  public struct Array: Sendable {
    public var rows: Int
    public var columns: Int
    /// In MATLAB's order, by column.
    public var values: [Double]

    public subscript(row: Int, column: Int) -> Double { values[column * rows + row] }
  }
  public private(set) var arrays: [String: Array] = [:]

  static let maximumInflated = 1 << 28

  public init(bytes: [UInt8]) throws(MATError) {
    guard bytes.count >= 128, bytes[126] == UInt8(ascii: "I"), bytes[127] == UInt8(ascii: "M") else {
      throw MATError(description: "not a MATLAB 5 file of a little-endian machine")
    }
    var reader = Reader(bytes[128...])
    while let (type, data) = try reader.element() {
      switch type {
      case 15:
        let inflated: [UInt8]
        do { inflated = try inflateZlib([UInt8](data), limit: Self.maximumInflated) } catch {
          throw MATError(description: error.reason)
        }
        var inner = Reader(inflated[...])
        if let (type, data) = try inner.element(), type == 14 { try add(data) }
      case 14: try add(data)
      default: break
      }
    }
  }

  private mutating func add(_ data: ArraySlice<UInt8>) throws(MATError) {
    var reader = Reader(data)
    guard let flags = try reader.element(), flags.data.count >= 8, let first = flags.data.first else {
      return
    }
    // Classes 6...15 are the numeric ones.
    guard (6...15).contains(first) else { return }
    guard let dimensions = try reader.element(), let name = try reader.element(),
      let values = try reader.element()
    else { throw MATError(description: "an array is cut off") }
    let sizes = dimensions.data.count / 4
    guard sizes == 2 else { return }
    func size(_ index: Int) -> Int {
      Int(Int32(truncatingIfNeeded: Reader.integer(dimensions.data, at: index * 4, width: 4)))
    }
    let (rows, columns) = (size(0), size(1))
    guard rows >= 0, columns >= 0 else { throw MATError(description: "an array has a negative size") }
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    let text = String(decoding: name.data, as: UTF8.self)
    // Divided and not multiplied: the sizes come from the file and may overflow.
    guard !overflow, let width = Reader.widths[values.type], values.data.count % width == 0,
      values.data.count / width == count
    else {
      throw MATError(
        description: "array '\(text.prefix(60))' has another number of values than its dimensions give")
    }
    var numbers: [Double] = []
    numbers.reserveCapacity(count)
    for index in 0..<count {
      numbers.append(Reader.number(values.data, at: index * width, type: values.type, width: width))
    }
    arrays[text] = Array(rows: rows, columns: columns, values: numbers)
  }

  private struct Reader {
    static let widths: [Int: Int] = [1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8]
    var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    static func integer(_ data: ArraySlice<UInt8>, at offset: Int, width: Int) -> UInt64 {
      var value: UInt64 = 0
      for byte in 0..<width { value |= UInt64(data[data.startIndex + offset + byte]) << UInt64(8 * byte) }
      return value
    }

    static func number(_ data: ArraySlice<UInt8>, at offset: Int, type: Int, width: Int) -> Double {
      let bits = integer(data, at: offset, width: width)
      switch type {
      case 1: return Double(Int8(truncatingIfNeeded: bits))
      case 3: return Double(Int16(truncatingIfNeeded: bits))
      case 5: return Double(Int32(truncatingIfNeeded: bits))
      case 7: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
      case 9: return Double(bitPattern: bits)
      case 12: return Double(Int64(bitPattern: bits))
      default: return Double(bits)
      }
    }

    /// Returns the next element, or nil at the end.
    mutating func element() throws(MATError) -> (type: Int, data: ArraySlice<UInt8>)? {
      guard rest.count >= 8 else { return nil }
      let tag = Self.integer(rest, at: 0, width: 4)
      // The small form: size in the upper half, up to four bytes in the tag itself.
      if tag >> 16 != 0 {
        let size = Int(tag >> 16)
        guard size <= 4 else { throw MATError(description: "a small element of \(size) bytes") }
        let data = rest.dropFirst(4).prefix(size)
        rest = rest.dropFirst(8)
        return (Int(tag & 0xffff), data)
      }
      let size = Int(Self.integer(rest, at: 4, width: 4))
      guard size <= rest.count - 8 else { throw MATError(description: "the file is cut off") }
      let data = rest.dropFirst(8).prefix(size)
      // Elements start at multiples of eight, but for compressed ones.
      let padded = tag == 15 ? size : (size + 7) & ~7
      rest = rest.dropFirst(8 + min(padded, rest.count - 8))
      return (Int(tag), data)
    }
  }
}
