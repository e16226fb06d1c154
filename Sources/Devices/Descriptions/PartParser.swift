import Sensing
import Spatial
import StrictYAML

/// Reads one entry of `parts`.
struct PartParser {
  let value: YAMLValue

  func part() throws(DocumentError) -> PartDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["part"] ?? [])
    let features = try self.features(map["features"])
    var rules: [MatchRule] = []
    for item in try map.required("match").list(count: 1...64) { rules.append(try Self.matchRule(item)) }
    var stored: [StoredDataDescription] = []
    for item in try map["stored"]?.list(count: 0...8) ?? [] {
      let data = try StoredDataParser(value: item).storedData()
      if features.contains(where: { $0.name == data.name })
        || stored.contains(where: { $0.name == data.name })
      {
        throw item.error("something else is named '\(data.name)'")
      }
      stored.append(data)
    }
    let driver = try map["driver"]?.choice(DriverTable.drivers.map { ($0.name, $0) })
    var reports: [ReportDescription] = []
    if let list = map["reports"] {
      for item in try list.list(count: 0...64) {
        let parser = ReportParser(value: item, features: features, driver: driver)
        reports.append(try parser.report())
      }
    }
    let rate = try map["sample_rate"]?.number(in: 0...100_000) ?? 0
    if rate == 0, reports.contains(where: { $0.samples != nil }) {
      throw map.error("a part with samples needs 'sample_rate'")
    }
    return PartDescription(
      name: try map.required("name").string(),
      match: rules,
      driver: driver,
      isShared: try map["shared"]?.boolean() ?? false,
      isPeer: try map["peer"]?.boolean() ?? false,
      sampleRate: rate,
      features: features,
      stored: stored,
      setup: try setup(map["setup"]),
      setupOutputs: try setup(map["setup_outputs"]),
      setupUsages: try setupUsages(map["setup_usages"]),
      keepAlive: try keepAlive(map["keep_alive"]),
      modeSwitch: try modeSwitch(map["mode_switch"]),
      calibration: try map["calibration"].map { value throws(DocumentError) in
        try CalibrationParser(features: features, stored: stored, driver: driver).calibration(value)
      } ?? .none,
      haptics: try output(map["haptics"]),
      light: try output(map["light"]),
      reports: reports,
      emulation: try map["emulation"].map { value throws(DocumentError) in try emulation(value) }
        ?? EmulationDescription(),
      usb: try map["usb"].map { value throws(DocumentError) in try usb(value) })
  }

  private func usb(_ value: YAMLValue) throws(DocumentError) -> USBDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["usb"] ?? [])
    return USBDescription(
      transfer: try map["transfer"]?.choice(USBDescription.Transfer.allCases.map { ($0.rawValue, $0) })
        ?? .interrupt,
      input: UInt8(try map.required("input").integer(in: 0x81...0x8f)),
      output: try map["output"].map { value throws(DocumentError) in UInt8(try value.integer(in: 1...15)) },
      size: try map["size"]?.integer(in: 1...ReportLimits.longest) ?? 64,
      detachesDriver: try map["kernel_driver"]?.choice([("keep", 0), ("detach", 1)]) == 1)
  }

  private func emulation(_ value: YAMLValue) throws(DocumentError) -> EmulationDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["emulation"] ?? [])
    var emulation = EmulationDescription()
    emulation.isGamepad = try map["usage"]?.choice([("vendor", 0), ("gamepad", 1)]) == 1
    emulation.checksumSeed = try map["feature_checksum"].map { value throws(DocumentError) in
      UInt8(try value.integer(in: 0...255))
    }
    for item in try map["features"]?.list(count: 1...16) ?? [] {
      let entry = try item.mapping(keys: DescriptionParser.keys["emulated_feature"] ?? [])
      let id = UInt8(try entry.required("id").integer(in: 1...255))
      let length = try entry.required("length").integer(in: 2...ReportLimits.longest)
      emulation.features.append(
        FeatureDescription(
          name: "emulated-\(id)", id: id, length: length,
          reply: try entry["reply"].map { value throws(DocumentError) in
            try DescriptionParser.bytes(value, count: 0...(length - 1))
          } ?? []))
      if let at = entry["address"] {
        guard length >= 7 else { throw at.error("an address of six bytes does not fit in \(length) bytes") }
        emulation.addresses[id] = try at.integer(in: 1...(length - 6))
      }
    }
    for item in try map["answers"]?.list(count: 1...16) ?? [] {
      let entry = try item.mapping(keys: DescriptionParser.keys["emulated_answer"] ?? [])
      let length = try entry.required("length").integer(in: 1...ReportLimits.longest)
      emulation.answers.append(
        EmulationDescription.Answer(
          command: try StoredDataParser.bytes(entry.required("to"), in: ReportLimits.longest),
          length: length, bytes: try StoredDataParser.bytes(entry["bytes"], in: length),
          echo: try StoredDataParser.echo(
            entry["echo"], command: ReportLimits.longest, answer: length),
          address: try entry["address"].map { value throws(DocumentError) in
            guard length >= 6 else {
              throw value.error("an address of six bytes does not fit in \(length) bytes")
            }
            return try value.integer(in: 0...(length - 6))
          }))
    }
    return emulation
  }

  static func matchRule(_ value: YAMLValue) throws(DocumentError) -> MatchRule {
    let map = try value.mapping(keys: DescriptionParser.keys["match"] ?? [])
    var rule = MatchRule()
    rule.bus = try map["bus"]?.choice(Bus.allCases.map { ($0.name, $0) })
    rule.vendor = try map["vendor"].map { value throws(DocumentError) in
      UInt16(try value.integer(in: 0...0xffff))
    }
    rule.product = try map["product"].map { value throws(DocumentError) in
      UInt16(try value.integer(in: 0...0xffff))
    }
    rule.interfaceNumber = try map["interface"]?.integer(in: 0...255)
    rule.nameContains = try map["name_contains"]?.string()
    rule.usage = try map["usage"].map { value throws(DocumentError) in
      UInt32(try value.integer(in: 0...0xffff_ffff))
    }
    if rule.usage == nil, rule.vendor == nil || rule.product == nil {
      throw map.error("a rule needs 'vendor' and 'product', or 'usage'")
    }
    return rule
  }

  private func features(_ value: YAMLValue?) throws(DocumentError) -> [FeatureDescription] {
    var features: [FeatureDescription] = []
    for item in try value?.list(count: 0...64) ?? [] {
      let map = try item.mapping(keys: DescriptionParser.keys["feature"] ?? [])
      let length = try map.required("length").integer(in: 1...ReportLimits.longest)
      var blocks: [UInt8] = []
      if let given = map["blocks"] { blocks = try DescriptionParser.bytes(given, count: 2...16) }
      if let given = map["blocks"], length < 3 {
        throw given.error("blocks of \(length) bytes hold nothing behind their two leading ones")
      }
      let longest = blocks.isEmpty ? length - 1 : blocks.count * (length - 2)
      let feature = FeatureDescription(
        name: try map.required("name").string(),
        id: UInt8(try map.required("id").integer(in: 0...255)),
        length: length,
        reply: try map["reply"].map { value throws(DocumentError) in
          try DescriptionParser.bytes(value, count: 0...longest)
        } ?? [],
        blocks: blocks,
        checksum: try map["checksum"].map { value throws(DocumentError) in
          guard blocks.isEmpty else { throw value.error("a report in blocks has no checksum") }
          return try checksum(value, length: length)
        })
      if features.contains(where: { $0.name == feature.name }) {
        throw item.error("two features are named '\(feature.name)'")
      }
      features.append(feature)
    }
    return features
  }

  private func setup(_ value: YAMLValue?) throws(DocumentError) -> [[UInt8]] {
    var reports: [[UInt8]] = []
    for item in try value?.list(count: 0...64) ?? [] {
      reports.append(try DescriptionParser.bytes(item, count: 1...ReportLimits.longest))
    }
    return reports
  }

  private func setupUsages(_ value: YAMLValue?) throws(DocumentError) -> [(usage: UInt32, value: Int)] {
    var usages: [(usage: UInt32, value: Int)] = []
    for item in try value?.list(count: 0...64) ?? [] {
      let map = try item.mapping(keys: DescriptionParser.keys["setup_usage"] ?? [])
      usages.append(
        (
          UInt32(try map.required("usage").integer(in: 0...0xffff_ffff)),
          try map.required("value").integer(in: -0x8000_0000...0x7fff_ffff)
        ))
    }
    return usages
  }

  private func keepAlive(_ value: YAMLValue?) throws(DocumentError) -> KeepAlive? {
    guard let map = try value?.mapping(keys: DescriptionParser.keys["keep_alive"] ?? []) else { return nil }
    return KeepAlive(
      seconds: try map.required("every").number(in: 0.05...3600),
      report: try DescriptionParser.bytes(map.required("report"), count: 1...ReportLimits.longest))
  }

  private func modeSwitch(_ value: YAMLValue?) throws(DocumentError) -> ModeSwitch? {
    guard let map = try value?.mapping(keys: DescriptionParser.keys["mode_switch"] ?? []) else { return nil }
    return ModeSwitch(
      seen: UInt8(try map.required("seen").integer(in: 1...255)),
      part: try map["part"]?.string(),
      report: try DescriptionParser.bytes(map.required("report"), count: 1...ReportLimits.longest))
  }

  private func output(_ value: YAMLValue?) throws(DocumentError) -> OutputDescription? {
    guard let map = try value?.mapping(keys: DescriptionParser.keys["output"] ?? []) else { return nil }
    let length = try map.required("length").integer(in: 1...ReportLimits.longest)
    var bytes = [UInt8](repeating: 0, count: length)
    for (key, item) in try map.required("bytes").pairs() {
      bytes[try key.integer(in: 0...(length - 1))] = UInt8(try item.integer(in: 0...255))
    }
    var fields: [(meaning: OutputDescription.Meaning, field: BitField)] = []
    for item in try map.required("fields").list(count: 1...8) {
      let entry = try item.mapping(keys: DescriptionParser.keys["output_field"] ?? [])
      let meaning = try entry.required("meaning").choice(
        OutputDescription.Meaning.allCases.map { ($0.rawValue, $0) })
      fields.append((meaning, try FieldParser(base: 0, end: length).field(entry)))
    }
    return OutputDescription(
      path: try map.required("path").string(),
      kind: try map.required("kind").choice(OutputDescription.Kind.allCases.map { ($0.rawValue, $0) }),
      bytes: bytes, fields: fields,
      checksum: try map["checksum"].map { value throws(DocumentError) in try checksum(value, length: length)
      },
      repeats: try map["repeat"]?.number(in: 0.1...60))
  }
}

/// Reads a checksum that must fit in a report of the given length.
func checksum(_ value: YAMLValue, length: Int) throws(DocumentError) -> ChecksumDescription {
  let map = try value.mapping(keys: DescriptionParser.keys["checksum"] ?? [])
  guard length >= 5 else { throw value.error("the report is too short for a checksum") }
  return ChecksumDescription(
    seed: UInt8(try map.required("seed").integer(in: 0...255)),
    at: try map.required("at").integer(in: 1...(length - 4)),
    isOptional: try map["optional"]?.boolean() ?? false)
}
