import Sensing
import Spatial
import StrictYAML

/// Reads one family's YAML. Every fault is named with file, line, column and what is allowed.
public enum DescriptionParser {
  /// The keys of each mapping of the format; the published JSON Schema has the same, by test.
  public static let keys: [String: [String]] = [
    "description": [
      "format", "family", "name", "kind", "roles", "join", "sources", "confidence", "unverified",
      "shared", "parts", "pairing",
    ],
    "pairing": ["way", "cable", "addresses", "host_report", "bond", "names", "hint", "command"],
    "pairing_addresses": ["id", "length", "device", "host"],
    "pairing_host": ["id", "length", "at"],
    "part": [
      "name", "match", "driver", "shared", "peer", "sample_rate", "features", "stored", "setup",
      "setup_outputs",
      "setup_usages",
      "keep_alive", "mode_switch", "calibration", "haptics", "light", "reports", "emulation", "usb",
    ],
    "usb": ["transfer", "input", "output", "size", "kernel_driver"],
    "emulation": ["usage", "features", "feature_checksum", "answers"],
    "emulated_answer": ["to", "length", "bytes", "echo", "address"],
    "emulated_feature": ["id", "length", "reply", "address"],
    "match": ["bus", "vendor", "product", "interface", "name_contains", "usage"],
    "feature": ["name", "id", "length", "reply", "blocks", "checksum"],
    "setup_usage": ["usage", "value"],
    "keep_alive": ["every", "report"],
    "mode_switch": ["seen", "part", "report"],
    "optical_stream": ["at", "count"],
    "stored": [
      "name", "part", "channel", "command_length", "answer_length", "before", "opening", "patience",
      "request",
      "position",
      "wanted", "expect", "echo", "data", "pieces", "measure", "while", "remaining", "holds", "optional",
      "document",
      "content", "then",
    ],
    "stored_command": ["send", "expect"],
    "stored_then": ["send", "busy", "refused"],
    "stored_data": ["at", "count"],
    "stored_measure": ["send", "at", "type", "bit"],
    "stored_position": ["at", "type", "bit", "first", "counts"],
    "stored_document": ["at", "skip", "key"],
    "calibration": ["source", "feature", "type", "axes", "placement", "gyroscope", "accelerometer"],
    "calibration_source": ["name", "offset"],
    "two_point": ["plus", "minus", "bias", "speed", "reference", "readings"],
    "document_sensor": ["matrix", "every", "scale", "offset", "rotation", "order"],
    "checksum": ["seed", "at", "optional"],
    "output": ["path", "kind", "length", "bytes", "fields", "checksum", "repeat"],
    "output_field": ["meaning", "at", "type", "bit"],
    "report": [
      "id", "virtual", "by_usage", "length", "base", "when", "checksum", "clock", "samples", "magnetometer",
      "temperature", "orientation", "acceleration", "controls", "battery", "optical",
      "optical_stream", "simple",
    ],
    "optical": ["at", "stride", "count", "sensor", "time", "length", "rate", "empty"],
    "when": ["at", "type", "bit", "equals", "differs"],
    "stored_while": ["at", "type", "bit", "equals"],
    "clock": ["at", "type", "bit", "rate", "stamp", "spacing", "stride"],
    "samples": ["at", "stride", "count", "pick", "clock", "axes", "accelerometer", "gyroscope"],
    "pick": ["sequence", "stamp", "counted", "marked"],
    "field": ["at", "type", "bit"],
    "vector": [
      "at", "type", "bit", "usage", "unit", "scale", "full_scale", "full_scale_by", "per_unit_by", "ratio",
      "axes", "stride",
      "plane", "mean",
    ],
    "ratio": ["multiplier", "divisor", "usual"],
    "per_unit_by": ["feature", "at", "type", "bit", "default"],
    "full_scale_by": ["feature", "at", "values", "default"],
    "scalar": ["at", "type", "bit", "scale", "offset"],
    "orientation": [
      "form", "at", "type", "bit", "usage", "order", "scale", "axes", "angular_velocity", "reference",
      "position", "mounting",
    ],
    "reference": ["at", "type", "bit", "usage"],
    "control": ["path", "kind", "at", "type", "bit", "minimum", "maximum"],
    "battery": ["level", "full", "charging", "charging_values"],
  ]

  public static func parse(text: String, file: String) throws(DocumentError) -> DeviceDescription {
    let root = try YAMLDocument(text: text, file: file).root.mapping(keys: Self.keys["description"] ?? [])
    let format = try root.required("format")
    guard try format.integer(in: 0...1000) == 1 else {
      throw format.error("this version of the format is not known", allowed: "1")
    }
    let family = try root.required("family")
    let familyName = try family.string()
    guard !familyName.isEmpty, familyName.utf8.allSatisfy({ isNameByte($0) }) else {
      throw family.error("'\(familyName)' is not a family name", allowed: "small letters, digits and '-'")
    }
    var parts: [PartDescription] = []
    let values = try root.required("parts").list(count: 1...16)
    for value in values {
      let part = try PartParser(value: value).part()
      if parts.contains(where: { $0.name == part.name }) {
        throw value.error("two parts are named '\(part.name)'")
      }
      parts.append(part)
    }
    // What one part has written or asked through another.
    for (value, part) in zip(values, parts) {
      for name in [part.modeSwitch?.part] + part.stored.map(\.part) {
        guard let name, !parts.contains(where: { $0.name == name }) else { continue }
        throw value.error("no part is named '\(name)'", allowed: parts.map(\.name).joined(separator: ", "))
      }
    }
    let controlPaths = Set(parts.flatMap { $0.reports.flatMap(\.controls).flatMap(\.controls).map(\.path) })
    guard controlPaths.count <= SampleBatch.maximumControls else {
      throw root.error(
        "the device has \(controlPaths.count) controls", allowed: "at most \(SampleBatch.maximumControls)")
    }
    var description = DeviceDescription(
      file: file,
      text: text,
      family: familyName,
      name: try root.required("name").string(),
      kind: try root.required("kind").choice(DeviceDescription.Kind.allCases.map { ($0.rawValue, $0) }),
      roles: try roles(root.required("roles")),
      join: try root["join"]?.choice(DeviceDescription.Join.allCases.map { ($0.rawValue, $0) }) ?? .device,
      sources: try strings(root.required("sources"), count: 1...50),
      parts: parts,
      pairing: try root["pairing"].map { value throws(DocumentError) in try PairingDescription(value) })
    if let given = root["confidence"] {
      description.confidence = try given.choice(
        DeviceDescription.Confidence.allCases.map { ($0.rawValue, $0) })
    }
    if let given = root["unverified"] { description.unverified = try strings(given, count: 0...20) }
    return description
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (97...122).contains(byte) || (48...57).contains(byte) || byte == 45
  }

  private static func roles(_ value: YAMLValue) throws(DocumentError) -> [DeviceRole] {
    var roles: [DeviceRole] = []
    for item in try value.list(count: 1...DeviceRole.allCases.count) {
      roles.append(try item.choice(DeviceRole.allCases.map { ($0.name, $0) }))
    }
    return roles
  }

  static func strings(_ value: YAMLValue, count: ClosedRange<Int>) throws(DocumentError) -> [String] {
    var result: [String] = []
    for item in try value.list(count: count) { result.append(try item.string()) }
    return result
  }

  static func bytes(_ value: YAMLValue, count: ClosedRange<Int>) throws(DocumentError) -> [UInt8] {
    var result: [UInt8] = []
    for item in try value.list(count: count) { result.append(UInt8(try item.integer(in: 0...255))) }
    return result
  }
}
