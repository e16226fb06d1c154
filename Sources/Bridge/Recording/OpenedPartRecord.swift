import Devices
import Foundation
import MCAP
import Sensing
import SessionLog
import SwiftProtobuf
import Spatial
import Tracking

/// What a session says of an opened interface, made when it was opened: enough to open it again from the file.
final class OpenedPartRecord: Sendable {
  let message: Vrbridge_Session_PartOpened
  let description: String
  let descriptionName: String
  let partName: String
  /// JSON of the calibration in force.
  let calibration: [UInt8]
  let calibrationName: String

  init(
    device: DeviceID, match: DeviceCatalog.Match, identity: InterfaceIdentity,
    descriptor: HIDReportDescriptor?, opened: OpenedPart, isNominal: Bool, settings: OrientationSettings
  ) {
    description = match.description.text
    let descriptionName = "devices/\(match.description.family).yaml"
    partName = match.part.name
    let calibrationName = "calibration/device-\(device.number)-\(match.part.name).json"
    let file = CalibrationFile(
      inForce: opened.calibration, family: match.description.family,
      serial: opened.configuredSerial ?? identity.serial)
    calibration = (try? file.json()) ?? []
    self.descriptionName = descriptionName
    self.calibrationName = calibrationName
    message = .with {
      $0.deviceID = device.number
      $0.family = match.description.family
      $0.part = UInt32(match.partIndex)
      $0.partName = match.part.name
      $0.identity = .with {
        $0.bus = UInt32(identity.bus.rawValue)
        $0.vendor = UInt32(identity.vendor)
        $0.product = UInt32(identity.product)
        $0.name = identity.name
        $0.serial = identity.serial
        $0.physicalPath = identity.physicalPath
        if let number = identity.interfaceNumber { $0.interfaceNumber = UInt32(number) }
        $0.origin = identity.origin.name
        $0.configuredSerial = opened.configuredSerial ?? ""
      }
      $0.reportDescriptor = Data(descriptor?.bytes ?? [])
      $0.features = opened.exchanges.map(Vrbridge_Session_FeatureExchange.init)
      $0.nominal = isNominal
      $0.calibration = Vrbridge_Session_Calibration(opened.calibration)
      for (name, path) in OrientationSettings.keys { $0.filterSettings[name] = settings[keyPath: path] }
      $0.description_p = descriptionName
      $0.calibrationAttachment = calibrationName
    }
  }

  /// As another session has it.
  init(_ message: Vrbridge_Session_PartOpened, description: String, calibration: [UInt8]) {
    self.message = message
    self.description = description
    descriptionName = message.description_p
    partName = message.partName
    self.calibration = calibration
    calibrationName = message.calibrationAttachment
  }

  /// Writes the event and what it names.
  ///
  /// - Parameter device: its number in this session; a session that is recorded of a replay may have another.
  func write(
    to writer: SessionWriter, device: UInt32, role: DeviceRole, isUpdate: Bool, at time: Timestamp
  ) throws(OutputError) {
    var event = Vrbridge_Session_Event()
    event.timeNs = time.nanoseconds
    event.partOpened = message
    event.partOpened.deviceID = device
    event.partOpened.role = role.name
    event.partOpened.isUpdate = isUpdate
    event.partOpened.descriptionSha256 = try writer.attach(
      Array(description.utf8), name: descriptionName, mediaType: "application/yaml", at: time)
    event.partOpened.calibrationSha256 = try writer.attach(
      calibration, name: calibrationName, mediaType: "application/json", at: time)
    try writer.write(event, on: .events, at: time)
  }
}

extension HIDRecording.FeatureExchange {
  init(_ message: Vrbridge_Session_FeatureExchange) {
    let direction: Direction =
      switch message.direction {
      case .set: .set
      case .output: .output
      case .input: .input
      case .get, .unspecified, .UNRECOGNIZED: .get
      }
    self.init(direction: direction, report: [UInt8](message.report))
  }
}

extension Vrbridge_Session_FeatureExchange {
  init(_ exchange: HIDRecording.FeatureExchange) {
    self.init()
    switch exchange.direction {
    case .get: direction = .get
    case .set: direction = .set
    case .output: direction = .output
    case .input: direction = .input
    }
    report = Data(exchange.report)
  }
}
