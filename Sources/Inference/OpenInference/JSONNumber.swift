import Foundation

/// A number of JSON as an element of a tensor. A value that the type can't hold is refused, never changed to another one;
/// floating-point types round to the nearest, as every parser of decimal text does.
enum JSONNumber {
  /// Appends the little-endian bytes of an element.
  ///
  /// - Returns: the reason why the type can't hold the value; nil when it was appended.
  static func append(_ number: NSNumber, as type: ElementType, to bytes: inout [UInt8]) -> String? {
    switch type {
    case .bool:
      guard isBoolean(number) || number.doubleValue == 0 || number.doubleValue == 1 else {
        return "only true, false, 0 and 1 are"
      }
      bytes.append(number.doubleValue == 0 ? 0 : 1)
      return nil
    case .uint8: return append(number, UInt8.self, &bytes)
    case .uint16: return append(number, UInt16.self, &bytes)
    case .uint32: return append(number, UInt32.self, &bytes)
    case .uint64: return append(number, UInt64.self, &bytes)
    case .int8: return append(number, Int8.self, &bytes)
    case .int16: return append(number, Int16.self, &bytes)
    case .int32: return append(number, Int32.self, &bytes)
    case .int64: return append(number, Int64.self, &bytes)
    case .float16:
      return append(number, &bytes) {
        Tensor.half($0)
      } isFinite: {
        $0 & 0x7c00 != 0x7c00
      }
    case .bfloat16:
      return append(number, &bytes) {
        Tensor.bfloat16($0)
      } isFinite: {
        $0 & 0x7f80 != 0x7f80
      }
    case .float32:
      return append(number, &bytes) {
        Float($0)
      } isFinite: {
        $0.isFinite
      }
    case .float64:
      return append(number, &bytes) {
        $0
      } isFinite: {
        $0.isFinite
      }
    }
  }

  /// Returns a whole number; nil for booleans, fractions and numbers beyond the type.
  static func whole<Whole: FixedWidthInteger>(_ number: NSNumber, _: Whole.Type = Whole.self) -> Whole? {
    switch kind(number) {
    case "c": return nil
    case "Q": return Whole(exactly: number.uint64Value)
    case "d", "f":
      // Numbers of many digits are kept in decimal; a double has 53 bits.
      if let decimal = number as? NSDecimalNumber { return Whole(decimal.description) }
      return Whole(exactly: number.doubleValue)
    default: return Whole(exactly: number.int64Value)
    }
  }

  /// Whether JSON's text is `true` or `false`.
  static func isBoolean(_ number: NSNumber) -> Bool { kind(number) == "c" }

  /// The number as a message shows it.
  static func text(_ number: NSNumber) -> String {
    isBoolean(number) ? (number.boolValue ? "true" : "false") : number.description
  }

  private static func kind(_ number: NSNumber) -> Unicode.Scalar {
    Unicode.Scalar(UInt8(bitPattern: number.objCType.pointee))
  }

  private static func append<Whole: FixedWidthInteger>(
    _ number: NSNumber, _: Whole.Type, _ bytes: inout [UInt8]
  ) -> String? {
    guard let value = whole(number, Whole.self) else {
      if isBoolean(number) { return "it is a boolean" }
      let double = number.doubleValue
      return double.magnitude < 0x1p53 && double != double.rounded()
        ? "it has a fraction" : "the type's range is \(Whole.min) to \(Whole.max)"
    }
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    return nil
  }

  private static func append<Element: BitwiseCopyable>(
    _ number: NSNumber, _ bytes: inout [UInt8], _ convert: (Double) -> Element,
    isFinite: (Element) -> Bool
  ) -> String? {
    if isBoolean(number) { return "it is a boolean" }
    var double = number.doubleValue
    // Foundation's conversion of decimals is off by some units in the last place.
    if Element.self == Double.self, let decimal = number as? NSDecimalNumber {
      double = Double(decimal.description) ?? double
    }
    let value = convert(double)
    guard isFinite(value) else { return "it is beyond the type's range" }
    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    return nil
  }
}
