import Devices
import Foundation
import MCAP
import Sensing
import SessionLog
import Spatial
import Tracking

/// Feeds a session's records through the pipelines that made it, in the order in which the tracking thread saw them.
///
/// Asks nobody for the time: the same records give the same states, bit for bit, at any speed.
final class ReplayEngine {
  /// What came of a record.
  enum Outcome {
    case opened(device: UInt32, part: Int, isUpdate: Bool)
    case closed(device: UInt32, part: Int, code: Int32)
    case role(device: UInt32)
    case recentered(device: UInt32)
    case restored(device: UInt32)
    case none

    var device: UInt32? {
      switch self {
      case .opened(let device, _, _), .closed(let device, _, _), .role(let device), .recentered(let device),
        .restored(let device):
        device
      case .none: nil
      }
    }
  }

  /// What makes a pipeline for a device of the session.
  struct Opening {
    var device: UInt32
    var match: DeviceCatalog.Match
    var identity: InterfaceIdentity
    var opened: OpenedPart
    var role: DeviceRole
  }

  private var descriptions: [String: DeviceDescription] = [:]
  /// Calibrations as files, to be recorded again.
  private var calibrations: [String: [UInt8]] = [:]
  private(set) var pipelines: [UInt32: DevicePipeline] = [:]
  /// How each device was opened first.
  private var openings: [UInt32: Opening] = [:]
  private let settings: OrientationSettings?
  private let makePipeline: (Opening) -> DevicePipeline?
  /// Records that were lost while recording; the replay went on from snapshots behind them.
  private(set) var lostRecords: UInt64 = 0

  /// More devices than any session has.
  static let deviceLimit = 1024

  /// - Parameters:
  ///   - settings: of the orientation filter, in place of those that were in force.
  ///   - makePipeline: for each device that is new; nil when there is no room for it.
  init(settings: OrientationSettings?, makePipeline: @escaping (Opening) -> DevicePipeline?) {
    self.settings = settings
    self.makePipeline = makePipeline
  }

  /// A pipeline that publishes nowhere.
  static func bare(_ opening: Opening) -> DevicePipeline? {
    DevicePipeline(
      id: DeviceID(opening.device), role: opening.role, slot: 0,
      partCount: opening.match.description.parts.count, tracker: initialTracker(opening), page: nil,
      events: nil, demand: nil)
  }

  /// What a device's tracking starts from before its first part is open.
  static func initialTracker(_ opening: Opening) -> DeviceTracker {
    DeviceTracker(
      calibration: InertialCalibration(), sampleRate: opening.match.part.sampleRate, clock: nil,
      origin: opening.identity.origin)
  }

  /// Takes descriptions; other attachments are not needed.
  func take(_ attachment: MCAPAttachment) throws(ReplayFault) {
    if attachment.name.hasPrefix("calibration/") { calibrations[attachment.name] = attachment.data }
    guard attachment.name.hasPrefix("devices/") else { return }
    do {
      descriptions[attachment.name] = try DescriptionParser.parse(
        text: String(decoding: attachment.data, as: UTF8.self), file: attachment.name)
    } catch { throw ReplayFault("the session's description can't be used: \(error)") }
  }

  func process(device: UInt32, part: Int, _ report: SessionReport) {
    pipelines[device]?.process(part: part, report.data, received: report.received)
  }

  func apply(_ event: Vrbridge_Session_Event) throws(ReplayFault) -> Outcome {
    switch event.event {
    case .partOpened(let opened):
      try open(opened)
      return .opened(device: opened.deviceID, part: Int(opened.part), isUpdate: opened.isUpdate)
    case .partClosed(let closed):
      pipelines[closed.deviceID]?.detach(part: Int(closed.part))
      return .closed(device: closed.deviceID, part: Int(closed.part), code: closed.code)
    case .roleChanged(let change):
      if let role = DeviceRole(name: change.role) { pipelines[change.deviceID]?.role = role }
      return .role(device: change.deviceID)
    case .recentered(let change):
      pipelines[change.deviceID]?.recenter()
      return .recentered(device: change.deviceID)
    case .placeMeasured(let message):
      guard let measurement = PositionMeasurement(message) else {
        throw ReplayFault("a measured place of device \(message.deviceID) lacks numbers")
      }
      pipelines[message.deviceID]?.measure(measurement, at: Timestamp(nanoseconds: event.timeNs))
    case .snapshot(let snapshot):
      try restore(snapshot)
      return .restored(device: snapshot.deviceID)
    case .loss(let loss): lostRecords += loss.records
    // What pipelines give out themselves, and what was said to a device that is not there.
    case .link, .battery, .health, .featureWritten, .transition, nil: break
    }
    return .none
  }

  private func open(_ message: Vrbridge_Session_PartOpened) throws(ReplayFault) {
    let part = Int(message.part)
    guard let description = descriptions[message.description_p], description.parts.indices.contains(part)
    else {
      throw ReplayFault(
        "device \(message.deviceID) has part \(part) of '\(message.description_p)', which the session does not hold"
      )
    }
    guard let calibration = message.calibration.calibration, let role = DeviceRole(name: message.role),
      let origin = Origin(name: message.identity.origin)
    else { throw ReplayFault("device \(message.deviceID) has a calibration, role or origin that can't be") }
    let match = DeviceCatalog.Match(description: description, partIndex: part)
    var opened: OpenedPart
    do {
      let descriptor =
        message.reportDescriptor.isEmpty ? nil : try HIDReportDescriptor([UInt8](message.reportDescriptor))
      if message.nominal {
        opened = OpenedPart(
          decoder: try PartDecoder(part: match.part, descriptor: descriptor, controls: description.controls),
          calibration: calibration)
      } else {
        opened = try PartOpener.open(
          match, recorded: message.features.map(HIDRecording.FeatureExchange.init), descriptor: descriptor)
      }
    } catch {
      throw ReplayFault("part '\(match.part.name)' of device \(message.deviceID) can't be opened: \(error)")
    }
    opened.calibration = calibration
    if message.isUpdate { opened.decoder.assumeLink() }
    let identity = message.interface
    opened.configuredSerial =
      message.identity.configuredSerial.isEmpty ? nil : message.identity.configuredSerial
    let opening = Opening(
      device: message.deviceID, match: match, identity: identity, opened: opened, role: role)
    let pipeline: DevicePipeline
    if let known = pipelines[message.deviceID] {
      pipeline = known
    } else {
      guard pipelines.count < Self.deviceLimit, let made = makePipeline(opening) else { return }
      pipelines[message.deviceID] = made
      openings[message.deviceID] = opening
      pipeline = made
    }
    if pipeline.role != role { pipeline.role = role }
    let settings = settings ?? OrientationSettings(named: message.filterSettings)
    let (rate, clock) = (match.part.sampleRate, match.part.clock)
    pipeline.attach(
      part: part, decoder: opened.decoder,
      record: OpenedPartRecord(
        message, description: description.text, calibration: calibrations[message.calibrationAttachment] ?? []
      ),
      opticalSensors: opened.opticalSensors,
      tracker: match.part.reportsMotion
        ? { learned in
          DeviceTracker(
            calibration: calibration, sampleRate: rate, clock: clock, origin: origin, settings: settings,
            learned: learned)
        } : nil)
  }

  private func restore(_ snapshot: Vrbridge_Session_Snapshot) throws(ReplayFault) {
    guard let pipeline = pipelines[snapshot.deviceID] else { return }
    guard snapshot.version == DeviceSnapshot.version else {
      throw ReplayFault(
        "the session's snapshots are of version \(snapshot.version), this vrbridge reads \(DeviceSnapshot.version)"
      )
    }
    let bytes = [UInt8](snapshot.words)
    var words: ContiguousArray<UInt64> = []
    words.reserveCapacity(bytes.count / 8)
    bytes.withUnsafeBytes { bytes in
      for offset in stride(from: 0, to: bytes.count - bytes.count % 8, by: 8) {
        words.append(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
      }
    }
    do { try pipeline.restore(words) } catch {
      throw ReplayFault("the snapshot of device \(snapshot.deviceID) can't be used: \(error)")
    }
  }

  /// Back to before the first record.
  func restart() {
    for (device, pipeline) in pipelines {
      guard let opening = openings[device] else { continue }
      pipeline.reset(to: Self.initialTracker(opening))
    }
    lostRecords = 0
  }

}

/// Why a session can't be replayed, in a sentence.
public struct ReplayFault: Error, Sendable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

extension OrientationSettings {
  /// Settings by name; those that are not named, or can't be, are the defaults.
  init(named values: [String: Double]) {
    self.init()
    for (name, path) in Self.keys {
      if let value = values[name], value.isFinite, value >= 0 { self[keyPath: path] = value }
    }
  }
}
