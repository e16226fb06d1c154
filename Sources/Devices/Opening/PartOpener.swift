import Diagnostics
import Sensing

/// The result of opening one interface.
public struct OpenedPart {
  public var decoder: PartDecoder
  public var calibration: InertialCalibration
  /// Serial from the device's own configuration, when it holds one.
  public var configuredSerial: String?
  /// The device's light sensors, from its own configuration.
  public var opticalSensors: [OpticalSensor] = []
  /// Feature reports that were read and written, in their order.
  public var exchanges: [FeatureExchange] = []
  /// Messages for the user: a calibration that could not be read, a setup report that was refused.
  public var warnings: [String]

  public init(
    decoder: PartDecoder, calibration: InertialCalibration, configuredSerial: String? = nil,
    warnings: [String] = []
  ) {
    self.decoder = decoder
    self.calibration = calibration
    self.configuredSerial = configuredSerial
    self.warnings = warnings
  }
}

/// Prepares an interface for reading: reads its features, applies its setup, reads its calibration.
public enum PartOpener {
  /// - Parameter sibling: opens another part of the same device, by name, for stored data that is read there.
  public static func open(
    _ match: DeviceCatalog.Match, transport: some Transport,
    sibling: (String) -> (any FeatureAccess)? = { _ in nil }
  ) throws(LayoutError) -> OpenedPart {
    try open(match, features: transport, descriptor: transport.descriptor, sibling: sibling)
  }

  /// Opens an interface as it was when it was recorded.
  public static func open(
    _ match: DeviceCatalog.Match, recorded: [FeatureExchange], descriptor: HIDReportDescriptor?
  ) throws(LayoutError) -> OpenedPart {
    try open(match, answering: RecordedFeatures(recorded), descriptor: descriptor)
  }

  /// Opens an interface that is absent; a responder answers its feature reports.
  public static func open(
    _ match: DeviceCatalog.Match, answering responder: any FeatureResponder, descriptor: HIDReportDescriptor?
  ) throws(LayoutError) -> OpenedPart {
    try open(match, features: AnsweredFeatureAccess(responder), descriptor: descriptor)
  }

  package static func open(
    _ match: DeviceCatalog.Match, features: some FeatureAccess, descriptor: HIDReportDescriptor?,
    sibling: (String) -> (any FeatureAccess)? = { _ in nil }
  ) throws(LayoutError) -> OpenedPart {
    let features = FeatureListener(features)
    let part = match.part
    var warnings: [String] = []
    var replies: [String: [UInt8]] = [:]
    // The kernel waits five seconds for an answer; after one timeout the device gets no further request.
    var isMute = false
    for feature in part.features where !isMute {
      var answer: [UInt8]?
      var problem = ""
      do throws(FeatureError) {
        answer = try ask(feature, features)
      } catch {
        problem = error.problem
        isMute = error.isFinal
      }
      if let answer {
        replies[feature.name] = answer
      } else {
        warnings.append("feature '\(feature.name)' not read (\(problem)); nominal values are used")
      }
    }
    for stored in part.stored where !isMute {
      let device = stored.part.flatMap(sibling)
      do throws(StoredDataError) {
        if let device {
          replies[stored.name] = try StoredDataReader(
            stored, device: FeatureListener(device, parent: features)
          ).read()
        } else {
          replies[stored.name] = try StoredDataReader(stored, device: features).read()
        }
      } catch {
        if !stored.isOptional {
          warnings.append("'\(stored.name)' not read from the device (\(error)); nominal values are used")
        }
      }
    }
    for (isOutput, report) in part.setup.map({ (false, $0) }) + part.setupOutputs.map({ (true, $0) })
    where !isMute {
      do throws(TransportError) {
        if isOutput { try features.writeOutput(report) } else { try features.setFeature(report) }
      } catch {
        warnings.append("setup: \(error)")
        isMute = error.isFinal
      }
    }
    if !isMute { warnings += setUsages(part.setupUsages, features: features, descriptor: descriptor) }

    let decoder = try PartDecoder(
      part: part, descriptor: descriptor, replies: replies, controls: match.description.controls)
    var calibration = InertialCalibration()
    var serial: String?
    var sensors: [OpticalSensor] = []
    switch part.calibration {
    case .none: break
    case .onDevice: calibration.source = .onDevice
    case .driver where isMute:
      warnings.append("factory calibration not read (the device does not answer); nominal scale is used")
    case .driver:
      // The parser accepts no other driver for this source.
      guard let reader = part.driver?.configuration else { break }
      do {
        let configuration = try reader.configuration(reader.read(from: features), axes: part.axes)
        calibration = configuration.calibration
        serial = configuration.serial.isEmpty ? nil : configuration.serial
        sensors = configuration.sensors
      } catch {
        warnings.append("factory calibration not read (\(error)); nominal scale is used")
      }
    case .twoPoint(let description):
      let scales = part.nominalScales
      // A missing reply has its warning already.
      guard let source = description.sources.first(where: { replies[$0.name] != nil }),
        let reply = replies[source.name]
      else { break }
      if let read = description.calibration(
        reply: Array(reply.dropFirst(source.offset)), gyroscopeScale: scales.gyroscope,
        accelerometerScale: scales.accelerometer, axes: part.axes)
      {
        calibration = read
      } else {
        warnings.append("factory calibration missing or not plausible; nominal scale is used")
      }
    case .document(let description):
      // Missing data has its warning already.
      guard let text = replies[description.data] else { break }
      do {
        calibration = try description.calibration(text, axes: part.axes)
      } catch {
        warnings.append("factory calibration not read (\(error)); nominal scale is used")
      }
    }
    var opened = OpenedPart(
      decoder: decoder, calibration: calibration, configuredSerial: serial, warnings: warnings)
    opened.opticalSensors = sensors
    opened.exchanges = features.exchanges
    return opened
  }

  private struct FeatureError: Error {
    var problem: String
    var isFinal: Bool
  }

  /// Reads all blocks of a feature report.
  private static func ask(
    _ feature: FeatureDescription, _ features: some FeatureAccess
  ) throws(FeatureError) -> [UInt8] {
    var blocks: [UInt8: [UInt8]] = [:]
    // Another program's request can take our answer, so the id is checked and the request repeated.
    var problem: TransportError?
    var isDamaged = false
    for _ in 0..<(3 * max(1, feature.blocks.count)) {
      let reply: [UInt8]
      do throws(TransportError) {
        reply = try features.getFeature(id: feature.id, length: feature.length)
      } catch {
        guard !error.isFinal else { throw FeatureError(problem: error.reason, isFinal: true) }
        problem = error
        continue
      }
      guard reply.first == feature.id else { continue }
      guard feature.isIntact(reply) else {
        isDamaged = true
        continue
      }
      guard !feature.blocks.isEmpty else { return reply }
      if reply.count > 2, feature.blocks.contains(reply[1]) { blocks[reply[1]] = reply }
      if blocks.count == feature.blocks.count {
        let list = feature.blocks.compactMap { blocks[$0] }
        return list[0] + list.dropFirst().flatMap { $0.dropFirst(2) }
      }
    }
    if isDamaged { throw FeatureError(problem: "its checksum does not match", isFinal: false) }
    if let problem { throw FeatureError(problem: String(describing: problem), isFinal: false) }
    throw FeatureError(
      problem: feature.blocks.isEmpty || blocks.isEmpty
        ? "the answer has another id" : "\(blocks.count) of \(feature.blocks.count) blocks came",
      isFinal: false)
  }

  /// Writes values to feature fields that are found by usage, keeping the other bits of the report.
  private static func setUsages(
    _ usages: [(usage: UInt32, value: Int)], features: some FeatureAccess, descriptor: HIDReportDescriptor?
  ) -> [String] {
    guard !usages.isEmpty else { return [] }
    guard let descriptor else { return ["setup by usage: the interface has no report descriptor"] }
    var reports: [UInt8: [UInt8]] = [:]
    var warnings: [String] = []
    for (usage, value) in usages {
      guard let field = descriptor.fields.first(where: { $0.kind == .feature && $0.usage == usage }) else {
        warnings.append("setup: no feature has usage 0x\(String(usage, radix: 16))")
        continue
      }
      let length = descriptor.length(.feature, field.reportID)
      var report = reports[field.reportID] ?? []
      if report.isEmpty {
        report = (try? features.getFeature(id: field.reportID, length: length)) ?? []
        report += [UInt8](repeating: 0, count: max(0, length - report.count))
        report[0] = field.reportID
      }
      let place = BitField(
        byte: 0, bit: field.bitOffset, width: min(field.bitSize, 32), number: .unsigned)
      if place.endByte <= report.count {
        place.store(UInt64(truncatingIfNeeded: value), into: &report, base: 0)
        reports[field.reportID] = report
      }
    }
    for (_, report) in reports.sorted(by: { $0.key < $1.key }) {
      do { try features.setFeature(report) } catch { warnings.append("setup: \(error)") }
    }
    return warnings
  }
}
