import Devices
import Foundation
import MCAP
import Sensing
import SessionLog
import SwiftProtobuf
import Spatial
import Tracking

/// The session's record of an opened interface: all that a replay needs to open it again from the file.
package final class OpenedPartRecord: Sendable {
  package let message: Vrbridge_Session_PartOpened
  package let description: String
  package let descriptionName: String
  package let partName: String
  /// JSON of the calibration in force.
  package let calibration: [UInt8]
  package let calibrationName: String

  /// Whether the times of the device's samples are checked.
  package var checksTimes: Bool { message.checksTimes }

  /// Whether the times of a device's samples are checked. Those of an emulator are right, and late while the machine is
  /// busy.
  package static func checksTimes(_ identity: InterfaceIdentity) -> Bool { identity.origin != .emulated }

  package init(
    device: DeviceID, match: DeviceCatalog.Match, identity: InterfaceIdentity,
    descriptor: HIDReportDescriptor?, opened: OpenedPart, isNominal: Bool, settings: EstimatorSettings
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
      $0.use(settings)
      $0.checksTimes = Self.checksTimes(identity)
      $0.description_p = descriptionName
      $0.calibrationAttachment = calibrationName
    }
  }

  /// Makes the record of another session's event, for a session that is recorded from a replay.
  package init(_ message: Vrbridge_Session_PartOpened, description: String, calibration: [UInt8]) {
    self.message = message
    self.description = description
    descriptionName = message.description_p
    partName = message.partName
    self.calibration = calibration
    calibrationName = message.calibrationAttachment
  }

  /// Writes the event, its description and its calibration.
  ///
  /// - Parameter device: the device's number in this session; a session recorded from a replay may use another.
  package func write(
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

extension FeatureExchange {
  package init(_ message: Vrbridge_Session_FeatureExchange) {
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
  package init(_ exchange: FeatureExchange) {
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

extension Vrbridge_Session_PartOpened {
  /// Records the orientation estimator that computes the states.
  package mutating func use(_ settings: EstimatorSettings) {
    filterEstimator = settings.estimator
    filterSettings = settings.values
  }

  /// The identity of the interface when it was opened.
  package var interface: InterfaceIdentity {
    var result = InterfaceIdentity(
      bus: Bus(rawValue: UInt16(truncatingIfNeeded: identity.bus)) ?? .virtual,
      vendor: UInt16(truncatingIfNeeded: identity.vendor),
      product: UInt16(truncatingIfNeeded: identity.product),
      origin: Origin(name: identity.origin) ?? .recorded)
    result.name = identity.name
    result.serial = identity.serial
    result.physicalPath = identity.physicalPath
    if identity.hasInterfaceNumber { result.interfaceNumber = Int(identity.interfaceNumber) }
    return result
  }
}
