import Sensing
import Spatial
import StrictYAML

/// Reads places and types of numbers. Offsets count from `base`; a field must end at or before `end`.
struct FieldParser {
  var base: Int
  var end: Int

  static let allowedTypes =
    "u, i or o (offset binary) and 1 to 64 bits (u8, i16, o16), f32, f64; 'be' behind it for big-endian"

  func type(_ value: YAMLValue) throws(DocumentError) -> (BitField.Number, width: Int, isBigEndian: Bool) {
    let text = try value.string()
    var body = text[...]
    let isBigEndian = body.hasSuffix("be")
    if isBigEndian { body = body.dropLast(2) }
    guard let first = body.first, let width = Int(body.dropFirst()), !body.dropFirst().hasPrefix("+") else {
      throw value.error("'\(text)' is not a type", allowed: Self.allowedTypes)
    }
    switch first {
    case "u" where (1...64).contains(width): return (.unsigned, width, isBigEndian)
    case "i" where (2...64).contains(width): return (.signed, width, isBigEndian)
    case "o" where (2...64).contains(width): return (.offset, width, isBigEndian)
    case "f" where width == 32 || width == 64: return (.float, width, isBigEndian)
    default: throw value.error("'\(text)' is not a type", allowed: Self.allowedTypes)
    }
  }

  func field(_ map: YAMLMapping) throws(DocumentError) -> BitField { try fields(map, count: 1)[0] }

  /// `count` fields of one type in a row, or `plane` bytes apart.
  ///
  /// - Parameter span: bytes behind each field that must be in the report too.
  func fields(
    _ map: YAMLMapping, count: Int, plane: Int? = nil, span: Int = 0
  ) throws(DocumentError) -> [BitField] {
    let at = try map.required("at")
    let (number, width, isBigEndian) = try type(map.required("type"))
    let byte = base + (try at.integer(in: 0...ReportLimits.longest))
    let bit = try map["bit"]?.integer(in: 0...511) ?? 0
    var result: [BitField] = []
    for index in 0..<count {
      let field = BitField(
        byte: byte + index * (plane ?? 0), bit: bit + (plane == nil ? index * width : 0), width: width,
        number: number, isBigEndian: isBigEndian)
      guard field.endByte + span <= end else {
        throw at.error(
          "the field ends at byte \(field.endByte + span), behind the report's or slot's \(end) bytes")
      }
      result.append(field)
    }
    return result
  }

  func axes(_ value: YAMLValue, mirrors: Bool = false) throws(DocumentError) -> AxisTurn {
    let allowed = "three of x, y, z, -x, -y, -z, each axis once"
    let names = try DescriptionParser.strings(value, count: 3...3)
    var turn = AxisTurn.identity
    var used: Set<Int> = []
    for (axis, name) in names.enumerated() {
      let letter = name.hasPrefix("-") ? name.dropFirst() : name[...]
      guard let source = ["x", "y", "z"].firstIndex(of: String(letter)), used.insert(source).inserted else {
        throw value.error("'\(names.joined(separator: ", "))' is not a turn of axes", allowed: allowed)
      }
      turn.source[axis] = Int8(source)
      turn.sign[axis] = name.hasPrefix("-") ? -1 : 1
    }
    guard mirrors || turn.determinant > 0 else {
      throw value.error("this exchange of axes is a mirror, not a rotation", allowed: "a right-handed turn")
    }
    return turn
  }

  enum Quantity {
    case acceleration, angularVelocity, magneticField, position

    /// Names and factors to SI (µT for the magnetic field).
    var units: [(name: String, value: Double)] {
      switch self {
      case .acceleration: [("m/s2", 1), ("g", standardGravity)]
      case .angularVelocity: [("rad/s", 1), ("deg/s", .pi / 180)]
      case .position: [("m", 1), ("mm", 0.001)]
      case .magneticField: [("uT", 1), ("gauss", 100), ("mgauss", 0.1)]
      }
    }
  }

  func vector(
    _ value: YAMLValue, quantity: Quantity, axes inherited: AxisTurn, features: [FeatureDescription],
    slots: Int = 1
  ) throws(DocumentError) -> VectorDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["vector"] ?? [])
    let stride = try map["stride"]?.integer(in: 1...ReportLimits.longest)
    let mean = try map["mean"]?.integer(in: 1...64) ?? 1
    let unit = try map.required("unit").choice(quantity.units)
    let usage = try map["usage"].map { value throws(DocumentError) in
      UInt32(try value.integer(in: 0...0xffff_ffff))
    }
    var fields: [BitField] = []
    if usage == nil {
      let width = try type(map.required("type")).width
      if mean > 1, width % 8 != 0 { throw map.error("'mean' is of numbers of whole bytes") }
      fields = try self.fields(
        map, count: 3, plane: try map["plane"]?.integer(in: 1...ReportLimits.longest),
        span: (stride ?? 0) * (slots - 1) + (mean - 1) * width / 8)
    }
    let turn =
      try map["axes"].map { value throws(DocumentError) in
        try axes(value, mirrors: quantity == .magneticField)
      } ?? inherited
    let counts =
      fields.first.map {
        $0.number == .signed || $0.number == .offset ? -$0.range.lowerBound : $0.range.upperBound
      } ?? 1
    let given = ["scale", "full_scale", "full_scale_by", "per_unit_by", "ratio"].filter { map[$0] != nil }
    guard given.count == 1 else {
      throw map.error(
        "one way to scale is needed", allowed: "scale, full_scale, full_scale_by, per_unit_by or ratio")
    }
    var scale = ScaleDescription(nominal: 0, selected: nil)
    if let number = map["scale"] { scale.nominal = try positive(number) * unit }
    if let number = map["full_scale"] { scale.nominal = try positive(number) * unit / counts }
    if let choice = map["full_scale_by"] {
      let by = try choice.mapping(keys: DescriptionParser.keys["full_scale_by"] ?? [])
      let feature = try Self.feature(by.required("feature"), among: features)
      let at = try by.required("at").integer(in: 0...(feature.length - 1))
      var scales: [Int: Double] = [:]
      for (key, entry) in try by.required("values").pairs() {
        scales[try key.integer(in: 0...255)] = try positive(entry) * unit / counts
      }
      scale.nominal = try positive(by.required("default")) * unit / counts
      scale.selected = (feature.name, at, scales)
    }
    if let choice = map["per_unit_by"] {
      let by = try choice.mapping(keys: DescriptionParser.keys["per_unit_by"] ?? [])
      let feature = try Self.feature(by.required("feature"), among: features)
      scale.counted = (
        feature.name, try FieldParser(base: 0, end: feature.length).field(by), unit
      )
      scale.nominal = unit / (try positive(by.required("default")))
    }
    var ratio: RatioDescription?
    if let given = map["ratio"] {
      // Its fields are looked for in the sample's slot.
      if stride != nil {
        throw given.error("a ratio goes with samples in slots, not with a 'stride' of the field")
      }
      scale.nominal = unit
      ratio = try self.ratio(given)
    }
    return VectorDescription(
      fields: fields, usage: usage, scale: scale, axes: turn, ratio: ratio, stride: stride, mean: mean)
  }

  private static func feature(
    _ value: YAMLValue, among features: [FeatureDescription]
  ) throws(DocumentError) -> FeatureDescription {
    let name = try value.string()
    guard let feature = features.first(where: { $0.name == name }) else {
      throw value.error(
        "no feature is named '\(name)'", allowed: features.map(\.name).joined(separator: ", "))
    }
    return feature
  }

  /// A multiplier and a divisor that stand in the report.
  private func ratio(_ value: YAMLValue) throws(DocumentError) -> RatioDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["ratio"] ?? [])
    let keys = DescriptionParser.keys["field"] ?? []
    var usual: [Double] = []
    for item in try map.required("usual").list(count: 2...2) { usual.append(try positive(item)) }
    return RatioDescription(
      multiplier: try field(map.required("multiplier").mapping(keys: keys)),
      divisor: try field(map.required("divisor").mapping(keys: keys)), usual: (usual[0], usual[1]))
  }

  private func positive(_ value: YAMLValue) throws(DocumentError) -> Double {
    let number = try value.number(in: 0...1e12)
    guard number > 0 else { throw value.error("a scale must be greater than 0") }
    return number
  }
}
