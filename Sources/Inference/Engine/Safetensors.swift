import Foundation

/// The table of contents of a safetensors file: a length of eight bytes, a JSON object of that length, then the tensors'
/// bytes (format description: huggingface/safetensors).
public struct Safetensors: Sendable {
  public struct Entry: Sendable, Hashable {
    /// `F32`, `F16`, `BF16`, `I64`, …
    public var type: String
    public var shape: [Int]
    /// Offset from the start of the file, in bytes.
    public var offset: Int
    public var size: Int
  }
  public let entries: [String: Entry]

  private struct Described: Decodable {
    var dtype: String
    var shape: [Int]
    var dataOffsets: [Int]

    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case dataOffsets = "data_offsets"
    }
  }
  private enum Value: Decodable {
    case tensor(Described)
    case other

    init(from decoder: any Decoder) throws {
      self = (try? Described(from: decoder)).map(Value.tensor) ?? .other
    }
  }
  private static let sizes = ["F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I8": 1, "U8": 1]

  /// - Throws: `InferenceError` of kind `model` for a malformed table or one that refers to missing bytes.
  public init(_ bytes: [UInt8]) throws(InferenceError) {
    guard bytes.count >= 8 else {
      throw InferenceError(.model, "a safetensors file has at least eight bytes")
    }
    let length = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    // The limit of the format.
    guard length <= 100_000_000, Int(length) <= bytes.count - 8 else {
      throw InferenceError(.model, "the safetensors table of \(length) bytes is longer than the file")
    }
    let start = 8 + Int(length)
    guard let table = try? JSONDecoder().decode([String: Value].self, from: Data(bytes[8..<start])) else {
      throw InferenceError(.model, "the safetensors table is not a JSON object of tensors")
    }
    var entries: [String: Entry] = [:]
    for (name, value) in table where name != "__metadata__" {
      guard case .tensor(let found) = value, let unit = Self.sizes[found.dtype], found.dataOffsets.count == 2
      else {
        throw InferenceError(.model, "the tensor '\(name)' has an invalid description")
      }
      let (from, to) = (found.dataOffsets[0], found.dataOffsets[1])
      var size = unit
      for dimension in found.shape {
        let (product, isTooLarge) = size.multipliedReportingOverflow(by: dimension)
        guard dimension >= 0, !isTooLarge else {
          throw InferenceError(.model, "the tensor '\(name)' has an invalid shape")
        }
        size = product
      }
      guard from >= 0, to >= from, to <= bytes.count - start, to - from == size else {
        throw InferenceError(.model, "the tensor '\(name)' is outside the file or has another size")
      }
      entries[name] = Entry(type: found.dtype, shape: found.shape, offset: start + from, size: size)
    }
    self.entries = entries
  }
}
