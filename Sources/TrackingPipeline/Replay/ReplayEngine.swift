import Devices
import Foundation
import MCAP
import Sensing
import SessionLog
import Spatial
import Tracking

/// Makes or finds the pipeline of a recorded device; returns nil when no slot is free for another device.
package typealias PipelineFactory = (ReplayEngine.Opening) -> DevicePipeline?

/// Passes a session's records through the pipelines that made it, in the order in which the tracking thread processed
/// them.
///
/// Reads no clock: the same records give the same states, bit for bit, at any speed.
package final class ReplayEngine {
  /// The effect of an event.
  package enum Outcome {
    case opened(device: UInt32, part: Int, isUpdate: Bool)
    case closed(device: UInt32, part: Int, code: Int32)
    case role(device: UInt32)
    case recentered(device: UInt32)
    case restored(device: UInt32)
    case none

    package var device: UInt32? {
      switch self {
      case .opened(let device, _, _), .closed(let device, _, _), .role(let device), .recentered(let device),
        .restored(let device):
        device
      case .none: nil
      }
    }
  }

  /// The first opening of a recorded device.
  package struct Opening {
    package var device: UInt32
    package var match: DeviceCatalog.Match
    package var identity: InterfaceIdentity
    package var opened: OpenedPart
    package var role: DeviceRole

    package init(
      device: UInt32, match: DeviceCatalog.Match, identity: InterfaceIdentity, opened: OpenedPart,
      role: DeviceRole
    ) {
      self.device = device
      self.match = match
      self.identity = identity
      self.opened = opened
      self.role = role
    }
  }

  private var descriptions = RecordedFiles<DeviceDescription>()
  /// Calibration files, to be recorded again.
  private var calibrations = RecordedFiles<[UInt8]>()
  package private(set) var pipelines: [UInt32: DevicePipeline] = [:]
  /// The first opening of each device.
  private var openings: [UInt32: Opening] = [:]
  private let settings: EstimatorSettings?
  /// The orientation estimator that computed the recorded states, by device.
  private var recordedSettings: [UInt32: EstimatorSettings] = [:]
  private let makePipeline: PipelineFactory
  /// Records that the recording lost; the replay continued from the snapshots after them.
  package private(set) var lostRecords: UInt64 = 0

  /// Bounds the memory that a hostile session can take.
  package static let deviceLimit = 1024

  /// - Parameters:
  ///   - settings: the orientation estimator and its settings; nil for those of the recording.
  ///   - makePipeline: makes the pipeline of each new device.
  package init(settings: EstimatorSettings?, makePipeline: @escaping PipelineFactory) {
    self.settings = settings
    self.makePipeline = makePipeline
  }

  /// Returns a pipeline that publishes nowhere.
  package static func bare(_ opening: Opening) -> DevicePipeline? {
    DevicePipeline(
      id: DeviceID(opening.device), role: opening.role, slot: 0,
      partCount: opening.match.description.parts.count, tracker: initialTracker(opening))
  }

  /// Returns the tracker of a device before its first part is open.
  package static func initialTracker(_ opening: Opening) -> DeviceTracker {
    DeviceTracker(
      calibration: InertialCalibration(), sampleRate: opening.match.part.sampleRate, clock: nil,
      origin: opening.identity.origin)
  }

  /// Reads descriptions and calibrations; ignores other attachments.
  package func take(_ attachment: MCAPAttachment) throws(ReplayError) {
    if attachment.name.hasPrefix("calibration/") { calibrations.add(attachment, attachment.data) }
    guard attachment.name.hasPrefix("devices/") else { return }
    do {
      descriptions.add(
        attachment,
        try DescriptionParser.parse(
          text: String(decoding: attachment.data, as: UTF8.self), file: attachment.name))
    } catch {
      throw ReplayError(
        .invalidDescription,
        "the description '\(attachment.name)' of the session can't be used: \(error)")
    }
  }

  package func process(device: UInt32, part: Int, _ report: SessionReport) {
    pipelines[device]?.process(part: part, report.data, received: report.received)
  }

  package func apply(_ event: Vrbridge_Session_Event) throws(ReplayError) -> Outcome {
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
      guard let measurement = PoseMeasurement(message) else {
        throw ReplayError(
          .invalidMeasurement, "a pose measurement of device \(message.deviceID) lacks numbers")
      }
      pipelines[message.deviceID]?.measure(measurement, at: Timestamp(nanoseconds: event.timeNs))
    case .snapshot(let snapshot):
      try restore(snapshot)
      return .restored(device: snapshot.deviceID)
    case .loss(let loss): lostRecords += loss.records
    // Pipelines compute these anew; written reports have no device to go to.
    case .link, .battery, .health, .featureWritten, .transition, nil: break
    }
    return .none
  }

  private func open(_ message: Vrbridge_Session_PartOpened) throws(ReplayError) {
    let part = Int(message.part)
    guard let description = descriptions.find(message.descriptionSha256, named: message.description_p),
      description.parts.indices.contains(part)
    else {
      throw ReplayError(
        .missingDescription,
        "device \(message.deviceID) has part \(part) of '\(message.description_p)', which the session does not hold"
      )
    }
    guard let calibration = message.calibration.calibration, let role = DeviceRole(name: message.role),
      let origin = Origin(name: message.identity.origin)
    else {
      throw ReplayError(
        .invalidOpening, "device \(message.deviceID) has an invalid calibration, role or origin")
    }
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
          match, recorded: message.features.map(FeatureExchange.init), descriptor: descriptor)
      }
    } catch {
      throw ReplayError(
        .invalidOpening, "part '\(match.part.name)' of device \(message.deviceID) can't be opened: \(error)")
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
    let recorded: EstimatorSettings
    do {
      recorded = try EstimatorSettings(recorded: message.filterEstimator, values: message.filterSettings)
    } catch {
      throw ReplayError(.unknownEstimator, "device \(message.deviceID): \(error)")
    }
    if match.part.reportsMotion { recordedSettings[message.deviceID] = recorded }
    let settings = settings ?? recorded
    let (rate, clock) = (match.part.sampleRate, match.part.clock)
    // Sessions from before clocks were checked give the same states again.
    let checksTimes = message.checksTimes
    pipeline.attach(
      part: part, decoder: opened.decoder,
      record: OpenedPartRecord(
        message, description: description.text,
        calibration: calibrations.find(message.calibrationSha256, named: message.calibrationAttachment) ?? []
      ),
      opticalSensors: opened.opticalSensors,
      tracker: match.part.reportsMotion
        ? { learned in
          DeviceTracker(
            calibration: calibration, sampleRate: rate, clock: clock, origin: origin, settings: settings,
            learned: learned, checksTimes: checksTimes)
        } : nil)
  }

  private func restore(_ snapshot: Vrbridge_Session_Snapshot) throws(ReplayError) {
    guard let pipeline = pipelines[snapshot.deviceID] else { return }
    guard DeviceSnapshot.versions.contains(snapshot.version) else {
      let (oldest, newest) = (DeviceSnapshot.versions.lowerBound, DeviceSnapshot.versions.upperBound)
      throw ReplayError(
        .snapshotVersion,
        "the session's snapshots have version \(snapshot.version), this vrbridge reads \(oldest) to \(newest); replay it with the vrbridge that recorded it"
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
    do {
      try pipeline.restore(
        words, version: Int(snapshot.version), recordedWith: recordedSettings[snapshot.deviceID])
    } catch {
      throw ReplayError(
        .invalidSnapshot, "the snapshot of device \(snapshot.deviceID) can't be used: \(error)")
    }
  }

  /// Resets all pipelines to before the first record.
  package func restart() {
    for (device, pipeline) in pipelines {
      guard let opening = openings[device] else { continue }
      pipeline.reset(to: Self.initialTracker(opening))
    }
    lostRecords = 0
  }

}

/// Contents of a session's attachments. Two of the same name differ by their digests: a description may change while a
/// session is recorded.
private struct RecordedFiles<Content> {
  private var byDigest: [Data: Content] = [:]
  private var byName: [String: Content] = [:]

  mutating func add(_ attachment: MCAPAttachment, _ content: Content) {
    byDigest[SessionWriter.digest(of: attachment.data)] = content
    byName[attachment.name] = content
  }

  /// Returns the content with a digest, else the last one with a name: a changed copy may keep the digest.
  func find(_ digest: Data, named name: String) -> Content? { byDigest[digest] ?? byName[name] }
}
