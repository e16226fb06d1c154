import Sensing
import Spatial
import StrictYAML

/// Reads one entry of `reports`.
struct ReportParser {
  let value: YAMLValue
  let features: [FeatureDescription]
  let driver: DeviceDriver?

  func report() throws(DocumentError) -> ReportDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["report"] ?? [])
    let identifier = try self.identifier(map)
    let length =
      identifier == .byUsage
      ? ReportLimits.longest
      : try map.required("length").integer(in: 1...ReportLimits.longest)
    let place = FieldParser(base: try map["base"]?.integer(in: 0...(length - 1)) ?? 0, end: length)

    var clock: ClockDescription?
    if let given = map["clock"] { clock = try self.clock(given, place: place, isPerSample: false) }
    var samples: SamplesDescription?
    if let given = map["samples"] {
      let (description, slotClock) = try self.samples(given, place: place, hasClock: clock != nil)
      if slotClock != nil, clock != nil {
        throw given.error("the report and its samples both have a clock", allowed: "one of the two")
      }
      samples = description
      clock = clock ?? slotClock
    }
    let isSimple = try map["simple"]?.boolean() ?? false
    if let given = map["simple"], isSimple, samples != nil || map["orientation"] != nil {
      throw given.error("a simple report has no motion")
    }
    let report = ReportDescription(
      identifier: identifier,
      isSimple: isSimple,
      length: length,
      when: try conditions(map["when"], place: FieldParser(base: 0, end: length)),
      checksum: try map["checksum"].map { value throws(DocumentError) in try checksum(value, length: length)
      },
      clock: clock,
      samples: samples,
      magnetometer: try map["magnetometer"].map { value throws(DocumentError) in
        try place.vector(
          value, quantity: .magneticField, axes: samples?.axes ?? .identity, features: features)
      },
      temperature: try map["temperature"].map { value throws(DocumentError) in
        try scalar(value, place: place)
      },
      orientation: try map["orientation"].map { value throws(DocumentError) in
        try orientation(value, place: place)
      },
      acceleration: try map["acceleration"].map { value throws(DocumentError) in
        try place.vector(value, quantity: .acceleration, axes: .identity, features: features)
      },
      controls: try controls(map["controls"], place: place),
      battery: try map["battery"].map { value throws(DocumentError) in try battery(value, place: place) },
      optical: try map["optical"].map { value throws(DocumentError) in try optical(value, place: place) },
      opticalStream: try map["optical_stream"].map { value throws(DocumentError) in
        try opticalStream(value, place: place)
      })
    if report.samples == nil, report.magnetometer != nil {
      throw map.error("a magnetometer without samples has nothing to go with")
    }
    return report
  }

  private func optical(_ value: YAMLValue, place: FieldParser) throws(DocumentError) -> OpticalDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["optical"] ?? [])
    let count = try map.required("count").integer(in: 1...SampleBatch.maximumSamples)
    let at = place.base + (try map.required("at").integer(in: 0...ReportLimits.longest))
    let stride = try map.required("stride").integer(in: 1...ReportLimits.longest)
    guard at + stride * count <= place.end else {
      throw map.error("\(count) slots of \(stride) bytes from byte \(at) do not fit in \(place.end) bytes")
    }
    let slot = FieldParser(base: 0, end: stride)
    func field(_ name: String) throws(DocumentError) -> BitField {
      let given = try map.required(name)
      let field = try slot.field(try given.mapping(keys: DescriptionParser.keys["field"] ?? []))
      guard field.number == .unsigned else { throw given.error("'\(name)' must be an unsigned number") }
      return field
    }
    return OpticalDescription(
      at: at, stride: stride, count: count, sensor: try field("sensor"), time: try field("time"),
      length: try field("length"), rate: try map.required("rate").number(in: 1...1e10),
      empty: UInt64(try map.required("empty").integer(in: 1...0x1_0000)))
  }

  private func opticalStream(
    _ value: YAMLValue, place: FieldParser
  ) throws(DocumentError) -> OpticalStreamDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["optical_stream"] ?? [])
    let given = try map.required("count")
    let count = try place.field(try given.mapping(keys: DescriptionParser.keys["field"] ?? []))
    guard count.number == .unsigned, count.width <= 8 else {
      throw given.error("'count' must be an unsigned number of at most 8 bits")
    }
    // How long the stream is its report says: that it is whole is checked in each.
    return OpticalStreamDescription(
      at: place.base + (try map.required("at").integer(in: 0...(place.end - place.base))), count: count)
  }

  private func identifier(_ map: YAMLMapping) throws(DocumentError) -> ReportDescription.Identifier {
    let given = ["id", "virtual", "by_usage"].filter { map[$0] != nil }
    guard given.count == 1 else {
      throw map.error("a report needs exactly one name", allowed: "id, virtual or by_usage")
    }
    if let id = map["id"] {
      if id.isScalar, try id.string() == "none" { return .unnumbered }
      return .numbered(UInt8(try id.integer(in: 1...255)))
    }
    if let name = map["virtual"] {
      guard let driver else { throw name.error("only a driver makes virtual reports; the part has none") }
      return .virtual(try name.choice(driver.virtualReports.map { ($0, $0) }))
    }
    return .byUsage
  }

  /// One condition, or several that must all hold.
  private func conditions(
    _ value: YAMLValue?, place: FieldParser
  ) throws(DocumentError) -> [ReportDescription.Condition] {
    guard let value else { return [] }
    var conditions: [ReportDescription.Condition] = []
    for item in value.isMapping ? [value] : try value.list(count: 1...4) {
      conditions.append(try condition(item, place: place))
    }
    return conditions
  }

  private func condition(
    _ value: YAMLValue, place: FieldParser
  ) throws(DocumentError) -> ReportDescription.Condition {
    let map = try value.mapping(keys: DescriptionParser.keys["when"] ?? [])
    let isNegated = map["differs"] != nil
    let number = try map.required(isNegated ? "differs" : "equals").integer(in: 0...0xffff_ffff)
    return ReportDescription.Condition(
      field: try place.field(map), value: UInt64(number), isNegated: isNegated)
  }

  private func clock(
    _ value: YAMLValue, place: FieldParser, isPerSample: Bool, slots: Int = 1
  ) throws(DocumentError) -> ClockDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["clock"] ?? [])
    let stride = try map["stride"]?.integer(in: 1...ReportLimits.longest)
    if let given = map["stride"], !isPerSample {
      throw given.error("only a clock in the samples has a stride")
    }
    let field = try place.fields(map, count: 1, span: (stride ?? 0) * (slots - 1))[0]
    guard field.number == .unsigned, (8...64).contains(field.width) else {
      throw value.error("a clock is an unsigned counter of 8 to 64 bits")
    }
    return ClockDescription(
      field: field,
      rate: try map.required("rate").number(in: 1...1e10),
      stamp: try map["stamp"]?.choice(ClockDescription.Stamp.allCases.map { ($0.rawValue, $0) }) ?? .newest,
      spacing: try map["spacing"]?.integer(in: 0...1_000_000_000) ?? 0,
      isPerSample: isPerSample, stride: stride)
  }

  private func samples(
    _ value: YAMLValue, place: FieldParser, hasClock: Bool
  ) throws(DocumentError) -> (SamplesDescription, ClockDescription?) {
    let map = try value.mapping(keys: DescriptionParser.keys["samples"] ?? [])
    let count = try map["count"]?.integer(in: 1...SampleBatch.maximumSamples) ?? 1
    let at = place.base + (try map["at"]?.integer(in: 0...ReportLimits.longest) ?? 0)
    let stride: Int
    // Fields with strides of their own stand in no slot: their places count from the first byte of the samples.
    let hasSlots = map["stride"] != nil || count == 1
    if let given = map["stride"] {
      stride = try given.integer(in: 1...ReportLimits.longest)
    } else if count == 1 {
      stride = max(1, place.end - at)
    } else {
      for name in ["accelerometer", "gyroscope", "clock"] {
        let keys = DescriptionParser.keys[name == "clock" ? "clock" : "vector"] ?? []
        if let field = try map[name]?.mapping(keys: keys), field["stride"] == nil {
          throw map.error("several samples need a 'stride' in bytes, or each of their fields needs one")
        }
      }
      stride = 0
    }
    guard at + stride * count <= place.end else {
      throw map.error("\(count) samples of \(stride) bytes from byte \(at) do not fit in \(place.end) bytes")
    }
    let slot = FieldParser(base: 0, end: hasSlots ? stride : place.end - at)
    let axes = try map["axes"].map { value throws(DocumentError) in try slot.axes(value) } ?? .identity
    let clock = try map["clock"].map { value throws(DocumentError) in
      try self.clock(value, place: slot, isPerSample: true, slots: count)
    }
    let description = SamplesDescription(
      at: at, stride: stride, count: count,
      pick: try map["pick"].map { value throws(DocumentError) in
        try pick(value, place: place, slot: slot, hasSlotClock: clock != nil, hasClock: hasClock)
      } ?? .all,
      axes: axes,
      accelerometer: try map["accelerometer"].map { value throws(DocumentError) in
        try slot.vector(value, quantity: .acceleration, axes: axes, features: features, slots: count)
      },
      gyroscope: try map["gyroscope"].map { value throws(DocumentError) in
        try slot.vector(value, quantity: .angularVelocity, axes: axes, features: features, slots: count)
      })
    guard description.gyroscope != nil, description.accelerometer != nil else {
      throw map.error("samples need an 'accelerometer' and a 'gyroscope'")
    }
    return (description, clock)
  }

  private func pick(
    _ value: YAMLValue, place: FieldParser, slot: FieldParser, hasSlotClock: Bool, hasClock: Bool
  ) throws(DocumentError) -> SamplesDescription.Pick {
    if value.isScalar {
      let name = try value.choice([("all", true), ("stamp", false)])
      if !name, !hasSlotClock { throw value.error("'stamp' needs a 'clock' in the samples") }
      return name ? .all : .stamp
    }
    let map = try value.mapping(keys: DescriptionParser.keys["pick"] ?? [])
    if let sequence = map["sequence"] {
      let field = try slot.field(sequence.mapping(keys: DescriptionParser.keys["field"] ?? []))
      guard field.number == .unsigned, (4...32).contains(field.width) else {
        throw sequence.error("a sequence number is an unsigned field of 4 to 32 bits")
      }
      return .sequence(field)
    }
    if let counted = map["counted"] {
      guard hasClock else { throw counted.error("'counted' needs a 'clock' in the report") }
      return .counted(try place.field(counted.mapping(keys: DescriptionParser.keys["field"] ?? [])))
    }
    if let marked = map["marked"] { return .marked(try condition(marked, place: slot)) }
    throw map.error(
      "one rule is needed", allowed: "all, stamp, { sequence: … }, { counted: … }, { marked: … }")
  }

  private func scalar(_ value: YAMLValue, place: FieldParser) throws(DocumentError) -> ScalarDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["scalar"] ?? [])
    return ScalarDescription(
      field: try place.field(map), scale: try map["scale"]?.number() ?? 1,
      offset: try map["offset"]?.number() ?? 0)
  }

  private func orientation(
    _ value: YAMLValue, place: FieldParser
  ) throws(DocumentError) -> OrientationDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["orientation"] ?? [])
    let form = try map.required("form").choice(
      OrientationDescription.Form.allCases.map { ($0.rawValue, $0) })
    let usage = try map["usage"].map { value throws(DocumentError) in
      UInt32(try value.integer(in: 0...0xffff_ffff))
    }
    var fields = usage == nil ? try place.fields(map, count: form == .quaternion ? 4 : 3) : []
    if form == .quaternion {
      guard usage == nil else { throw map.error("a quaternion by usage is not supported") }
      let order = try map.required("order")
      let text = try order.string()
      guard text.count == 4, Set(text) == Set("xyzw") else {
        throw order.error("'\(text)' is not an order", allowed: "the letters x, y, z, w once each")
      }
      let letters = Array(text)
      fields = try ["x", "y", "z", "w"].map { letter throws(DocumentError) in
        guard let index = letters.firstIndex(of: Character(letter)) else {
          throw order.error("'\(letter)' is missing")
        }
        return fields[index]
      }
    }
    let axes = try map["axes"].map { value throws(DocumentError) in try place.axes(value) } ?? .identity
    var reference: BitField?
    var referenceUsage: UInt32?
    if let given = try map["reference"]?.mapping(keys: DescriptionParser.keys["reference"] ?? []) {
      if let usage = given["usage"] {
        referenceUsage = UInt32(try usage.integer(in: 0...0xffff_ffff))
      } else {
        reference = try place.field(given)
      }
    }
    return OrientationDescription(
      form: form, fields: fields, usage: usage, scale: try map["scale"]?.number(in: 1e-12...1e6) ?? 1,
      axes: axes,
      angularVelocity: try map["angular_velocity"].map { value throws(DocumentError) in
        try place.vector(value, quantity: .angularVelocity, axes: axes, features: features)
      },
      reference: reference, referenceUsage: referenceUsage,
      position: try map["position"].map { value throws(DocumentError) in
        try place.vector(value, quantity: .position, axes: .identity, features: features)
      },
      mounting: try map["mounting"].map { value throws(DocumentError) in try rotation(value) } ?? .identity)
  }

  /// A quaternion x, y, z, w.
  private func rotation(_ value: YAMLValue) throws(DocumentError) -> Quaternion {
    var n: [Double] = []
    for item in try value.list(count: 4...4) { n.append(try item.number(in: -1...1)) }
    let rotation = Quaternion(x: n[0], y: n[1], z: n[2], w: n[3])
    guard abs((rotation.components * rotation.components).sum() - 1) < 0.001 else {
      throw value.error("this is not a rotation", allowed: "x, y, z, w of length 1")
    }
    return rotation.normalized
  }

  private func controls(
    _ value: YAMLValue?, place: FieldParser
  ) throws(DocumentError) -> [ControlDescription] {
    var result: [ControlDescription] = []
    for item in try value?.list(count: 0...SampleBatch.maximumControls) ?? [] {
      let map = try item.mapping(keys: DescriptionParser.keys["control"] ?? [])
      let pathValue = try map.required("path")
      let path = try pathValue.string()
      guard path.hasPrefix("/input/"), !path.hasSuffix("/") else {
        throw pathValue.error(
          "'\(path)' is not a control path", allowed: "/input/NAME/COMPONENT, as in OpenXR")
      }
      let kindValue = try map.required("kind")
      let kinds = Control.Kind.allCases.map { ($0.name, Control.Kind?.some($0)) } + [("hat", nil)]
      let kind = try kindValue.choice(kinds)
      let isBit = kind == .button || kind == .touch
      let field =
        isBit && map["type"] == nil
        ? try bitField(map, place: place) : try place.field(map)
      guard let kind else {
        result.append(ControlDescription(shape: .hat(path: path), field: field))
        continue
      }
      // A button or touch is set by any number but 0.
      let usual =
        isBit ? 0...1 : (field.number == .float ? (kind == .axis ? -1 : 0)...1 : field.range)
      let low = try map["minimum"]?.number() ?? usual.lowerBound
      let high = try map["maximum"]?.number() ?? usual.upperBound
      guard low != high else { throw map.error("'minimum' and 'maximum' are the same") }
      result.append(
        ControlDescription(
          shape: .value(Control(path: path, kind: kind), minimum: low, maximum: high), field: field))
    }
    return result
  }

  /// A button or touch without a type is one bit.
  private func bitField(_ map: YAMLMapping, place: FieldParser) throws(DocumentError) -> BitField {
    let at = try map.required("at")
    let field = BitField(
      byte: place.base + (try at.integer(in: 0...ReportLimits.longest)),
      bit: try map["bit"]?.integer(in: 0...63) ?? 0, width: 1, number: .unsigned)
    guard field.endByte <= place.end else {
      throw at.error("the bit is behind the report's \(place.end) bytes")
    }
    return field
  }

  private func battery(_ value: YAMLValue, place: FieldParser) throws(DocumentError) -> BatteryDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["battery"] ?? [])
    var values: [UInt64] = []
    for item in try map["charging_values"]?.list(count: 1...16) ?? [] {
      values.append(UInt64(try item.integer(in: 0...0xffff_ffff)))
    }
    return BatteryDescription(
      level: try place.field(map.required("level").mapping(keys: DescriptionParser.keys["field"] ?? [])),
      full: try map.required("full").number(in: 1...1e6),
      charging: try map["charging"].map { value throws(DocumentError) in
        try place.field(value.mapping(keys: DescriptionParser.keys["field"] ?? []))
      },
      chargingValues: values.isEmpty ? [1] : values)
  }
}
