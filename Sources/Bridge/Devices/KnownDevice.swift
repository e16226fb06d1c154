import BridgeProtocol
import Devices
import Sensing
import Spatial
import SwiftProtobuf
import Synchronization

/// A device that is there, or was: what it is called, stands for and has learned outlives its cable.
struct KnownDevice: Sendable {
  var id: DeviceID
  var description: DeviceDescription
  var key: DeviceKey
  var serial: String
  var origin: Origin
  var role: DeviceRole
  var slot: Int
  var pipeline: PipelineReference
  var statistics: DeviceStatistics
  var isConnected = false
  /// CLOCK_MONOTONIC, ns; 0 while it was never lost.
  var lostAt: Int64 = 0
  var state = DeviceState.found
  /// Why it is in this state: for people.
  var reason = ""
  /// CLOCK_MONOTONIC, ns.
  var stateSince: Int64 = 0
  /// Reports that had come at the last look, and when one of them was new.
  var reportsSeen: UInt64 = 0
  var lastProgress: Int64 = 0
  var battery: BatteryState?
  /// Radio signal, dBm.
  var signal: Int?
  var calibration = InertialCalibration.Source.nominal
  /// Open interfaces by part.
  var parts: [Int: OpenInterface] = [:]

  struct OpenInterface: Sendable {
    var transport: any Transport
    var part: PartDescription
    /// For hardware.
    var node: NodeKey?
    var nextKeepAlive: Int64?
  }

  var name: String { description.name }

  /// Whether a part is open that makes the device.
  var isOpen: Bool { parts.keys.contains { description.isPrimary($0) } }

  var message: Vrbridge_V1_Device {
    .with {
      $0.deviceID = id.number
      $0.family = description.family
      $0.name = name
      $0.serial = serial
      $0.role = Vrbridge_V1_Role(role)
      $0.origin = Vrbridge_V1_Origin(rawValue: Int(origin.rawValue)) ?? .hardware
      $0.connected = isConnected
      $0.degraded = isConnected && state == .degraded
      $0.controls = description.controls.map { control in
        .with {
          $0.path = control.path
          $0.kind = Vrbridge_V1_ControlKind(rawValue: Int(control.kind.rawValue)) ?? .button
        }
      }
      if let battery {
        $0.battery = .with {
          $0.level = battery.level
          $0.charging = battery.isCharging
        }
      }
      $0.pageSlot = UInt32(slot)
      $0.health = .with {
        $0.reports = statistics.reports.load(ordering: .relaxed)
        $0.decodeErrors = statistics.decodeErrors.load(ordering: .relaxed)
        $0.lostSamples = statistics.lostSamples.load(ordering: .relaxed)
        let bias = statistics.gyroscopeBias
        // Unknown until the first report.
        if bias.isFinite { ($0.biasX, $0.biasY, $0.biasZ) = (bias.x, bias.y, bias.z) }
        $0.clockResidualUs = statistics.clockResidual.value * 1e6
        let skew = statistics.clockSkew.value
        $0.clockSkewPpm = skew.isNaN ? 0 : skew * 1e6
        let degreesAMinute = 60 * 180 / Double.pi
        $0.driftAtRestDegMin = statistics.driftAtRest.value * degreesAMinute
        $0.driftAgainstGravityDegMin = statistics.driftAgainstGravity.value * degreesAMinute
        $0.driftAgainstFieldDegMin = statistics.driftAgainstField.value * degreesAMinute
        $0.gyroscopeNoiseDeg = statistics.gyroscopeNoise.value * 180 / .pi
        $0.headingReferenced = statistics.isHeadingReferenced.load(ordering: .relaxed)
        $0.measurements = statistics.measurements.load(ordering: .relaxed)
        $0.measurementsRejected = statistics.measurementsRejected.load(ordering: .relaxed)
        $0.measurementDelayMs = statistics.measurementDelay.value * 1e3
        $0.measurementConsistency = statistics.measurementConsistency.value
        $0.calibration = calibration.rawValue
      }
      $0.state = Vrbridge_V1_DeviceState(rawValue: Int(state.rawValue)) ?? .unspecified
      $0.stateReason = reason
      $0.stateSinceNs = stateSince
      $0.place = key.place
      if let signal { $0.signalDbm = Int32(signal) }
      $0.hasHaptics_p = parts.values.contains { $0.part.haptics != nil }
      $0.hasLight_p = parts.values.contains { $0.part.light != nil }
    }
  }
}

/// Carries a pipeline to the tracking thread.
///
/// `@unchecked Sendable`: whoever holds it only hands it on; its contents are touched on the tracking thread.
struct PipelineReference: @unchecked Sendable {
  let pipeline: DevicePipeline
}
