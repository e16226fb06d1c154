/// Types of a tensor's elements, named as the Open Inference Protocol names them.
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

  /// Bytes of an element.
  public var width: Int {
    switch self {
    case .bool, .uint8, .int8: 1
    case .uint16, .int16, .float16, .bfloat16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }
}

/// What a model takes or gives at one place.
public struct TensorSpec: Sendable, Hashable {
  public var name: String
  public var type: ElementType
  /// −1 where any length goes.
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

/// Numbers in rows: little-endian, the last dimension next to each other.
public struct Tensor: Sendable, Hashable {
  public var type: ElementType
  public var shape: [Int]
  public private(set) var bytes: [UInt8]

  /// More elements than this are refused anywhere: a gigabyte of floats is no frame.
  public static let maximumSize = 256 << 20

  /// - Returns: nil when the bytes are not what shape and type need.
  public init?(type: ElementType, shape: [Int], bytes: [UInt8]) {
    guard let size = Self.size(type, shape), size == bytes.count else { return nil }
    self.type = type
    self.shape = shape
    self.bytes = bytes
  }

  /// What a model found none of: a tensor with a length of 0.
  init?(empty type: ElementType, shape: [Int]) {
    guard shape.contains(0), shape.allSatisfy({ $0 >= 0 }) else { return nil }
    self.type = type
    self.shape = shape
    bytes = []
  }

  /// A tensor whose elements are written by `fill`; the shape must be one of whole positive numbers.
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
      for (place, value) in zip(buffer.indices, values) { buffer[place] = value }
    }
  }

  /// Bytes that a shape needs; nil for shapes that no tensor has.
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

  /// The elements as floats without a copy; nothing happens for other types.
  public func withFloats<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result? {
    guard type == .float32 else { return nil }
    return try bytes.withUnsafeBytes { try $0.withMemoryRebound(to: Float.self, body) }
  }

  /// The elements as numbers, whatever their type.
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

  /// From numbers, rounded and held to the type's range.
  public init?(type: ElementType, shape: [Int], numbers: [Double]) {
    guard let size = Self.size(type, shape), size == numbers.count * type.width else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    func put<Element: BitwiseCopyable>(_ value: Element) {
      withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }
    func whole<Element: FixedWidthInteger>(_ number: Double, _: Element.Type) -> Element {
      // 2^63 is no Int64, but what Double(Int64.max) rounds to.
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
      case .float16: put(Self.half(float: Float(number)))
      case .bfloat16: put(UInt16(truncatingIfNeeded: Float(number).bitPattern >> 16))
      case .float32: put(Float(number))
      case .float64: put(number)
      }
    }
    self.init(type: type, shape: shape, bytes: bytes)
  }

  /// IEEE 754 binary16. `Float16` of the standard library is not on every processor that we run on.
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

  /// Rounds to the nearest, ties to even.
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
}
