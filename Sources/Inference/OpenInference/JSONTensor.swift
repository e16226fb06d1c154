import Foundation

/// The numbers of tensors in JSON.
enum JSONTensor {
  /// Reads a tensor: its numbers in one list, or in lists within lists that have exactly the shape's lengths.
  ///
  /// - Throws: an error with the tensor's name and the index of the first element that does not fit.
  static func tensor(
    _ data: [Any], type: ElementType, shape: [Int], name: String
  ) throws(OpenInferenceError) -> Tensor {
    guard let size = Tensor.size(type, shape) else {
      throw OpenInferenceError("'\(name)' has the shape \(shape), which no tensor can have")
    }
    let count = size / type.width
    let isNested = !shape.isEmpty && data.first is [Any]
    let lengths = isNested ? shape : [count]
    var bytes: [UInt8] = []
    // The shape is the sender's; no more values can follow.
    bytes.reserveCapacity(min(count, JSONBody.maximumValues) * type.width)
    var path: [Int] = []
    func read(_ list: [Any], _ depth: Int) throws(OpenInferenceError) {
      guard list.count == lengths[depth] else {
        let wanted = depth == 0 && !isNested ? "the shape \(shape) takes" : "its shape \(shape) has there"
        throw OpenInferenceError(
          "\(position(name, path)): it has \(list.count) elements, and \(wanted) \(lengths[depth])")
      }
      for (index, item) in list.enumerated() {
        path.append(index)
        if depth + 1 < lengths.count {
          guard let inner = item as? [Any] else {
            throw OpenInferenceError(
              "\(position(name, path)): \(JSONField.describe(item)) where the shape \(shape) has a list")
          }
          try read(inner, depth + 1)
        } else {
          try element(item, type, &bytes, name, path)
        }
        path.removeLast()
      }
    }
    try read(data, 0)
    guard let tensor = Tensor(type: type, shape: shape, bytes: bytes) else {
      throw OpenInferenceError("'\(name)' of shape \(shape) takes \(count) numbers")
    }
    return tensor
  }

  /// Reads a tensor whose shape is that of its lists, or a number alone.
  static func tensor(_ value: Any, type: ElementType, name: String) throws(OpenInferenceError) -> Tensor {
    var shape: [Int] = []
    var level = value
    while let list = level as? [Any] {
      guard shape.count < 8, let first = list.first else {
        throw OpenInferenceError("'\(name)' has an empty list, or is nested too deeply")
      }
      shape.append(list.count)
      level = first
    }
    if let list = value as? [Any] { return try tensor(list, type: type, shape: shape, name: name) }
    var bytes: [UInt8] = []
    try element(value, type, &bytes, name, [])
    guard let tensor = Tensor(type: type, shape: [], bytes: bytes) else {
      throw OpenInferenceError("'\(name)' is no number")
    }
    return tensor
  }

  private static func element(
    _ item: Any, _ type: ElementType, _ bytes: inout [UInt8], _ name: String, _ path: [Int]
  ) throws(OpenInferenceError) {
    guard let number = item as? NSNumber else {
      throw OpenInferenceError("\(position(name, path)): \(JSONField.describe(item)) is no number")
    }
    if let reason = JSONNumber.append(number, as: type, to: &bytes) {
      throw OpenInferenceError(
        "\(position(name, path)): \(JSONNumber.text(number)) is no \(type.rawValue): \(reason)")
    }
  }

  /// An element as a message names it: 'x'[1][2].
  private static func position(_ name: String, _ path: [Int]) -> String {
    "'\(name)'" + path.map { "[\($0)]" }.joined()
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
