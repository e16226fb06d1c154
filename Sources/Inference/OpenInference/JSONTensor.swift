import Foundation

/// Tensors as JSON has them.
public enum JSONTensor {
  static func flatten(
    _ data: [Any], into numbers: inout [NSNumber], limit: Int, name: String, depth: Int = 0
  ) throws(OpenInferenceFault) {
    guard depth < 10 else { throw OpenInferenceFault("'\(name)' is nested too deeply") }
    for item in data {
      if let number = item as? NSNumber {
        guard numbers.count < limit else {
          throw OpenInferenceFault("'\(name)' has more numbers than its shape takes")
        }
        numbers.append(number)
      } else if let list = item as? [Any] {
        try flatten(list, into: &numbers, limit: limit, name: name, depth: depth + 1)
      } else {
        throw OpenInferenceFault("'\(name)' holds something that is no number")
      }
    }
  }

  /// Numbers, one after the other, separated by commas.
  static func append(_ tensor: Tensor, name: String, to json: inout String) throws(OpenInferenceFault) {
    for index in 0..<tensor.count {
      if index > 0 { json += "," }
      json += try text(tensor, index, name)
    }
  }

  /// Whole numbers are written whole: a double can't hold all of 64 bits.
  private static func text(_ tensor: Tensor, _ index: Int, _ name: String) throws(OpenInferenceFault)
    -> String
  {
    let value: Double = tensor.bytes.withUnsafeBytes { raw in
      switch tensor.type {
      case .float32: Double(raw.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
      case .float64: raw.loadUnaligned(fromByteOffset: index * 8, as: Double.self)
      case .float16:
        Double(Tensor.float(half: raw.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)))
      case .bfloat16:
        Double(
          Float(bitPattern: UInt32(raw.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)) << 16))
      case .bool, .uint8, .uint16, .uint32, .uint64, .int8, .int16, .int32, .int64: 0
      }
    }
    switch tensor.type {
    case .float16, .bfloat16, .float32, .float64:
      guard value.isFinite else {
        throw OpenInferenceFault(
          "'\(name)' holds numbers that JSON can't (NaN, infinity); ask for binary data")
      }
      // The shortest text that gives the same float back.
      return tensor.type == .float64 ? "\(value)" : "\(Float(value))"
    case .bool: return tensor.bytes[index] == 0 ? "false" : "true"
    case .uint8, .uint16, .uint32, .uint64, .int8, .int16, .int32, .int64:
      return tensor.bytes.withUnsafeBytes { raw in
        switch tensor.type {
        case .uint8: String(raw[index])
        case .int8: String(Int8(bitPattern: raw[index]))
        case .uint16: String(raw.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
        case .int16: String(raw.loadUnaligned(fromByteOffset: index * 2, as: Int16.self))
        case .uint32: String(raw.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
        case .int32: String(raw.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
        case .uint64: String(raw.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
        default: String(raw.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
        }
      }
    }
  }

  /// Lists in lists, as TensorFlow Serving writes tensors.
  public static func nested(_ tensor: Tensor, name: String) throws(OpenInferenceFault) -> String {
    var json = ""
    var index = 0
    func write(_ depth: Int) throws(OpenInferenceFault) {
      guard depth < tensor.shape.count else {
        json += try text(tensor, index, name)
        index += 1
        return
      }
      json += "["
      for place in 0..<tensor.shape[depth] {
        if place > 0 { json += "," }
        try write(depth + 1)
      }
      json += "]"
    }
    try write(0)
    return json
  }

  public static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension Tensor {
  /// From JSON's numbers; whole ones keep all their bits.
  init?(type: ElementType, shape: [Int], json numbers: [NSNumber]) {
    guard let size = Self.size(type, shape), size == numbers.count * type.width else { return nil }
    switch type {
    case .int64, .uint64:
      var bytes: [UInt8] = []
      bytes.reserveCapacity(size)
      for number in numbers {
        let bits = type == .int64 ? UInt64(bitPattern: number.int64Value) : number.uint64Value
        withUnsafeBytes(of: bits) { bytes.append(contentsOf: $0) }
      }
      self.init(type: type, shape: shape, bytes: bytes)
    case .bool, .uint8, .uint16, .uint32, .int8, .int16, .int32, .float16, .bfloat16, .float32, .float64:
      self.init(type: type, shape: shape, numbers: numbers.map(\.doubleValue))
    }
  }
}
