import Sensing
import Spatial
import StrictYAML

/// Reads a part's `calibration`.
struct CalibrationParser {
  let features: [FeatureDescription]
  let stored: [StoredDataDescription]
  let driver: DeviceDriver?

  func calibration(_ value: YAMLValue) throws(DocumentError) -> CalibrationSource {
    let map = try value.mapping(keys: DescriptionParser.keys["calibration"] ?? [])
    let source = try map.required("source")
    switch try source.choice(["none", "on_device", "driver", "two_point", "document"].map { ($0, $0) }) {
    case "on_device": return .onDevice
    case "driver":
      guard driver?.configuration != nil else {
        throw source.error("the part has no 'driver' to read a calibration")
      }
      return .driver
    case "two_point": return .twoPoint(try twoPoint(map))
    case "document": return .document(try document(map))
    default: return .none
    }
  }

  // MARK: two points

  private func twoPoint(_ map: YAMLMapping) throws(DocumentError) -> TwoPointDescription {
    let number =
      try map["type"]?.choice(TwoPointDescription.Number.allCases.map { ($0.rawValue, $0) }) ?? .i16
    let (sources, length) = try sources(map.required("feature"))
    let keys = DescriptionParser.keys["two_point"] ?? []
    func places(_ map: YAMLMapping?, _ key: String, count: Int = 3) throws(DocumentError) -> [Int] {
      var result: [Int] = []
      for item in try map?[key]?.list(count: count...count) ?? [] {
        result.append(try item.integer(in: 0...max(0, length - number.size)))
      }
      return result
    }
    let gyroscope = try map["gyroscope"].map { value throws(DocumentError) in try value.mapping(keys: keys) }
    let accelerometer = try map.required("accelerometer").mapping(keys: keys)
    if let gyroscope {
      _ = try gyroscope.required("plus")
      _ = try gyroscope.required("bias")
      if gyroscope["reference"] == nil { _ = try gyroscope.required("speed") }
    }
    _ = try accelerometer.required("plus")
    if accelerometer["bias"] == nil { _ = try accelerometer.required("minus") }
    return TwoPointDescription(
      sources: sources, number: number,
      gyroscopePlus: try places(gyroscope, "plus"), gyroscopeMinus: try places(gyroscope, "minus"),
      gyroscopeBias: try places(gyroscope, "bias"), gyroscopeSpeed: try places(gyroscope, "speed", count: 2),
      gyroscopeReference: try gyroscope?["reference"].map { value throws(DocumentError) in
        try value.number(in: 1...10_000) * .pi / 180
      },
      subtractsBias: try gyroscope?["readings"]?.choice([("without_bias", false), ("with_bias", true)])
        ?? false,
      accelerometerPlus: try places(accelerometer, "plus"),
      accelerometerMinus: try places(accelerometer, "minus"),
      accelerometerBias: try places(accelerometer, "bias"),
      accelerometerReference: try accelerometer["reference"].map { value throws(DocumentError) in
        try value.number(in: 0.1...100) * standardGravity
      } ?? standardGravity)
  }

  /// One name, or several with what stands before the values; and the length of the longest.
  private func sources(
    _ value: YAMLValue
  ) throws(DocumentError) -> (sources: [(name: String, offset: Int)], length: Int) {
    var sources: [(name: String, offset: Int)] = []
    var length = 0
    for item in value.isScalar ? [value] : try value.list(count: 1...4) {
      let map =
        item.isScalar ? nil : try item.mapping(keys: DescriptionParser.keys["calibration_source"] ?? [])
      let name = try map?.required("name") ?? item
      sources.append((try name.string(), try map?["offset"]?.integer(in: 0...4096) ?? 0))
      length = max(length, try self.length(name))
    }
    return (sources, length)
  }

  /// Bytes of a feature report or of stored data at most.
  private func length(_ value: YAMLValue) throws(DocumentError) -> Int {
    let name = try value.string()
    if let feature = features.first(where: { $0.name == name }) {
      // What blocks bring together is longer than one report.
      return feature.blocks.isEmpty ? feature.length : feature.blocks.count * feature.length
    }
    if let data = stored.first(where: { $0.name == name }) {
      if case .pieces(let count) = data.extent { return count * data.pieceSize }
      return StoredDataDescription.longest
    }
    throw value.error(
      "no feature and no stored data is named so",
      allowed: (features.map(\.name) + stored.map(\.name)).joined(separator: ", "))
  }

  // MARK: documents

  private func document(_ map: YAMLMapping) throws(DocumentError) -> DocumentCalibration {
    let data = try map.required("feature")
    _ = try length(data)
    return DocumentCalibration(
      data: try data.string(),
      gyroscope: try sensor(map.required("gyroscope")),
      accelerometer: try sensor(map.required("accelerometer")),
      axes: try map["axes"].map { value throws(DocumentError) in try FieldParser(base: 0, end: 0).axes(value)
      }
        ?? .identity,
      placement: try path(map["placement"]))
  }

  private func sensor(_ value: YAMLValue) throws(DocumentError) -> DocumentCalibration.Sensor {
    let map = try value.mapping(keys: DescriptionParser.keys["document_sensor"] ?? [])
    return DocumentCalibration.Sensor(
      matrix: try path(map["matrix"]), every: try map["every"]?.integer(in: 1...16) ?? 1,
      scale: try path(map["scale"]), offset: try path(map["offset"]), rotation: try path(map["rotation"]),
      order: try map["order"]?.choice(DocumentCalibration.Order.allCases.map { ($0.rawValue, $0) })
        ?? .offsetFirst)
  }

  private func path(_ value: YAMLValue?) throws(DocumentError) -> DocumentPath? {
    guard let value else { return nil }
    guard let path = DocumentPath(try value.string()) else {
      throw value.error("this is not a path in a document", allowed: "Name.List[Key=Value].Name")
    }
    return path
  }
}
