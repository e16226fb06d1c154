import Foundation

/// The numbers of tensors in JSON.
enum JSONTensor {
  /// Collects the numbers of nested lists.
  static func flatten(
    _ data: [Any], into numbers: inout [NSNumber], limit: Int, name: String, depth: Int = 0
  ) throws(OpenInferenceError) {
    guard depth < 10 else { throw OpenInferenceError("'\(name)' is nested too deeply") }
    for item in data {
      if let number = item as? NSNumber {
        guard numbers.count < limit else {
          throw OpenInferenceError("'\(name)' has more numbers than its shape takes")
        }
        numbers.append(number)
      } else if let list = item as? [Any] {
        try flatten(list, into: &numbers, limit: limit, name: name, depth: depth + 1)
      } else {
        throw OpenInferenceError("'\(name)' holds an element that is no number")
      }
    }
  }

  /// Returns all numbers in one list.
  static func flat(_ tensor: Tensor, name: String) throws(OpenInferenceError) -> [UInt8] {
    var json = Array("[".utf8)
    for index in 0..<tensor.count {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json.append(contentsOf: try text(tensor, index, name).utf8)
    }
    json.append(UInt8(ascii: "]"))
    return json
  }

  /// Returns one number. Integers are not converted to doubles, which hold 53 bits.
  private static func text(_ tensor: Tensor, _ index: Int, _ name: String) throws(OpenInferenceError)
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
        throw OpenInferenceError(
          "'\(name)' holds numbers that JSON can't (NaN, infinity); request binary data")
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

  /// Returns lists in lists, as TensorFlow Serving writes tensors.
  static func nested(_ tensor: Tensor, name: String) throws(OpenInferenceError) -> [UInt8] {
    var json: [UInt8] = []
    var index = 0
    func write(_ depth: Int) throws(OpenInferenceError) {
      guard depth < tensor.shape.count else {
        json.append(contentsOf: try text(tensor, index, name).utf8)
        index += 1
        return
      }
      json.append(UInt8(ascii: "["))
      for element in 0..<tensor.shape[depth] {
        if element > 0 { json.append(UInt8(ascii: ",")) }
        try write(depth + 1)
      }
      json.append(UInt8(ascii: "]"))
    }
    try write(0)
    return json
  }
}

extension Tensor {
  /// Makes a tensor of JSON's numbers; nil when their count does not fit the shape. Integers keep all their bits.
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
