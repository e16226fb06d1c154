/// Element types, with the names of the Open Inference Protocol.
public enum ElementType: String, Sendable, CaseIterable {
  case bool = "BOOL"
  case uint8 = "UINT8"
  case uint16 = "UINT16"
  case uint32 = "UINT32"
  case uint64 = "UINT64"
  case int8 = "INT8"
  case int16 = "INT16"
  case int32 = "INT32"
  case int64 = "INT64"
  case float16 = "FP16"
  case bfloat16 = "BF16"
  case float32 = "FP32"
  case float64 = "FP64"

  /// Size of an element, in bytes.
  public var width: Int {
    switch self {
    case .bool, .uint8, .int8: 1
    case .uint16, .int16, .float16, .bfloat16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }
}

/// Name, type and shape of an input or output of a model.
public struct TensorSpec: Sendable, Hashable {
  public var name: String
  public var type: ElementType
  /// −1 marks a dimension of any length.
  public var shape: [Int]

  public init(name: String, type: ElementType, shape: [Int]) {
    self.name = name
    self.type = type
    self.shape = shape
  }

  func accepts(_ given: [Int]) -> Bool {
    given.count == shape.count && zip(given, shape).allSatisfy { $0 > 0 && ($1 == -1 || $0 == $1) }
  }
}

extension TensorSpec: CustomStringConvertible {
  public var description: String {
    "\(name) \(type.rawValue) [\(shape.map { $0 < 0 ? "?" : String($0) }.joined(separator: ", "))]"
  }
}

/// A dense array of numbers: little-endian, in row-major order.
public struct Tensor: Sendable, Hashable {
  public var type: ElementType
  public var shape: [Int]
  public private(set) var bytes: [UInt8]

  /// Limit of a tensor's size in bytes, so that a request cannot exhaust memory.
  public static let maximumSize = 256 << 20

  /// - Returns: nil when the number of bytes does not match shape and type.
  public init?(type: ElementType, shape: [Int], bytes: [UInt8]) {
    guard let size = Self.size(type, shape), size == bytes.count else { return nil }
    self.type = type
    self.shape = shape
    self.bytes = bytes
  }

  /// A tensor with a dimension of length 0, the result of a model that finds nothing.
  init?(empty type: ElementType, shape: [Int]) {
    guard shape.contains(0), shape.allSatisfy({ $0 >= 0 }) else { return nil }
    self.type = type
    self.shape = shape
    bytes = []
  }

  /// A tensor whose elements `fill` writes. All dimensions of the shape must be positive.
  public init(float32 shape: [Int], _ fill: (UnsafeMutableBufferPointer<Float>) -> Void) {
    let count = shape.reduce(1, *)
    type = .float32
    self.shape = shape
    bytes = [UInt8](unsafeUninitializedCapacity: count * 4) { buffer, used in
      // Empty buffers have no address.
      UnsafeMutableRawBufferPointer(buffer).withMemoryRebound(to: Float.self) { floats in
        floats.initialize(repeating: 0)
        fill(floats)
      }
      used = count * 4
    }
  }

  public init(float32 shape: [Int], _ values: [Float]) {
    self.init(float32: shape) { buffer in
      for (index, value) in zip(buffer.indices, values) { buffer[index] = value }
    }
  }

  /// Size of a tensor in bytes; nil for impossible shapes.
  public static func size(_ type: ElementType, _ shape: [Int]) -> Int? {
    var size = type.width
    for length in shape {
      guard length > 0 else { return nil }
      let (product, overflow) = size.multipliedReportingOverflow(by: length)
      guard !overflow, product <= maximumSize else { return nil }
      size = product
    }
    return size
  }

  public var count: Int { bytes.count / type.width }

  /// Passes the elements as floats without a copy; returns nil for other types.
  public func withFloats<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result? {
    guard type == .float32 else { return nil }
    return try bytes.withUnsafeBytes { try $0.withMemoryRebound(to: Float.self, body) }
  }

  /// The elements converted to doubles.
  public var numbers: [Double] {
    bytes.withUnsafeBytes { raw in
      func list<Element: BitwiseCopyable>(_: Element.Type, _ number: (Element) -> Double) -> [Double] {
        (0..<count).map {
          number(raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.size, as: Element.self))
        }
      }
      return switch type {
      case .bool, .uint8: raw.map { Double($0) }
      case .uint16: list(UInt16.self) { Double($0) }
      case .uint32: list(UInt32.self) { Double($0) }
      case .uint64: list(UInt64.self) { Double($0) }
      case .int8: list(Int8.self) { Double($0) }
      case .int16: list(Int16.self) { Double($0) }
      case .int32: list(Int32.self) { Double($0) }
      case .int64: list(Int64.self) { Double($0) }
      case .float16: list(UInt16.self) { Double(Self.float(half: $0)) }
      case .bfloat16: list(UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
      case .float32: list(Float.self) { Double($0) }
      case .float64: list(Double.self) { $0 }
      }
    }
  }

  /// A tensor of converted numbers, rounded and clamped to the range of the type.
  public init?(type: ElementType, shape: [Int], numbers: [Double]) {
    guard let size = Self.size(type, shape), size == numbers.count * type.width else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    func put<Element: BitwiseCopyable>(_ value: Element) {
      withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }
    func whole<Element: FixedWidthInteger>(_ number: Double, _: Element.Type) -> Element {
      // Double(Int64.max) rounds to 2^63, which is no Int64.
      if number.isNaN { return 0 }
      if number >= Double(Element.max) { return .max }
      if number <= Double(Element.min) { return .min }
      return Element(number.rounded())
    }
    for number in numbers {
      switch type {
      case .bool: put(UInt8(number != 0 ? 1 : 0))
      case .uint8: put(whole(number, UInt8.self))
      case .uint16: put(whole(number, UInt16.self))
      case .uint32: put(whole(number, UInt32.self))
      case .uint64: put(whole(number, UInt64.self))
      case .int8: put(whole(number, Int8.self))
      case .int16: put(whole(number, Int16.self))
      case .int32: put(whole(number, Int32.self))
      case .int64: put(whole(number, Int64.self))
      case .float16: put(Self.half(number))
      case .bfloat16: put(Self.bfloat16(number))
      case .float32: put(Float(number))
      case .float64: put(number)
      }
    }
    self.init(type: type, shape: shape, bytes: bytes)
  }

  /// Converts IEEE 754 binary16. `Float16` is not available on all supported processors.
  static func float(half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10 & 0x1f)
    let fraction = UInt32(half & 0x3ff)
    switch exponent {
    case 0:
      let value = Float(fraction) * 0x1p-24
      return sign == 0 ? value : -value
    case 31: return Float(bitPattern: sign | 0x7f80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }

  /// Converts to IEEE 754 binary16; rounds to nearest, ties to even.
  static func half(float: Float) -> UInt16 {
    let sign = UInt16(float.bitPattern >> 16 & 0x8000)
    let magnitude = float.magnitude
    if float.isNaN { return sign | 0x7e00 }
    if magnitude >= 65_520 { return sign | 0x7c00 }
    if magnitude < 0x1p-14 { return sign | UInt16((magnitude * 0x1p24).rounded(.toNearestOrEven)) }
    let bits = magnitude.bitPattern
    let kept = bits >> 13
    let rest = bits & 0x1fff
    let up: UInt32 = rest > 0x1000 || (rest == 0x1000 && kept & 1 == 1) ? 1 : 0
    return sign | UInt16(kept + up - 112 << 10)
  }

  /// Converts to IEEE 754 binary16 with one rounding.
  static func half(_ number: Double) -> UInt16 { half(float: oddlyRounded(number)) }

  /// Converts to bfloat16, the upper half of a float; rounds to nearest, ties to even.
  static func bfloat16(_ number: Double) -> UInt16 {
    let float = oddlyRounded(number)
    if float.isNaN { return UInt16(float.bitPattern >> 16) | 0x40 }
    guard float.isFinite else { return UInt16(float.bitPattern >> 16) }
    let bits = float.bitPattern
    return UInt16((bits + 0x7fff + (bits >> 16 & 1)) >> 16)
  }

  /// A float with the last bit set where it is inexact, so that a second rounding to fewer bits equals one.
  private static func oddlyRounded(_ number: Double) -> Float {
    let nearest = Float(number)
    guard nearest.isFinite, Double(nearest) != number else { return nearest }
    let isAbove = Double(nearest).magnitude > number.magnitude
    return Float(bitPattern: (isAbove ? nearest.bitPattern - 1 : nearest.bitPattern) | 1)
  }
}
