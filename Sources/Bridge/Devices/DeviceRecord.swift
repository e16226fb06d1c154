import Devices
import Sensing
import Spatial
import Synchronization
import TrackingPipeline

/// A device that is connected or was: identity, role and what was learned outlast the connection.
struct DeviceRecord: Sendable {
  var id: DeviceID
  var description: DeviceDescription
  var key: DeviceKey
  var serial: String
  var origin: Origin
  /// False for a network tracker that is not paired.
  var isAccepted = true
  var role: DeviceRole
  /// Index in the pose page.
  var slot: Int
  var pipeline: PipelineReference
  var statistics: DeviceStatistics
  var isConnected = false
  /// CLOCK_MONOTONIC, ns; 0 while it was never lost.
  var lostAt: Int64 = 0
  var state = DeviceState.found
  /// The cause of the state, for display.
  var reason = ""
  /// Why the device is tracked less well than its family while it streams, for display.
  var limitations: [DeviceLimitation: String] = [:]
  /// The unit that has claimed each part, from before the part is opened until it ends.
  var units: [Int: UnitKey] = [:]
  /// CLOCK_MONOTONIC, ns.
  var stateSince: Int64 = 0
  /// Reports counted at the last check, and when their number last rose.
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
    /// For hardware that udev reported.
    var node: NodeKey?
  }

  /// What an interface's own configuration holds.
  struct Configured: Sendable {
    var serial: String?
    var calibration: InertialCalibration.Source
  }

  var name: String { description.name }

  /// All limitations; empty for none.
  var limitation: String {
    limitations.sorted { $0.key.rawValue < $1.key.rawValue }.map(\.value).joined(separator: "; ")
  }

  /// Whether the state is that of a device that streams with limitations.
  var isLimited: Bool { state == .degraded && !limitations.isEmpty && reason == limitation }

  /// Whether a part is open that makes the device.
  var isOpen: Bool { parts.keys.contains { description.isPrimary($0) } }

  var hasHaptics: Bool { parts.values.contains { $0.part.haptics != nil } }
  var hasLight: Bool { parts.values.contains { $0.part.light != nil } }
  var hasIMU: Bool { description.parts.contains { $0.reports.contains { $0.samples != nil } } }
  /// Whether it will report motion, and has not yet.
  var awaitsMotion: Bool {
    description.parts.contains(where: \.reportsMotion) && statistics.states.load(ordering: .relaxed) == 0
  }
  var isNetworkTracker: Bool { key.port.hasPrefix("udp-") }

  /// The record without its internals, for clients and outputs.
  var status: DeviceStatus {
    var status = DeviceStatus(
      id: id, family: description.family, name: name, serial: serial, role: role, origin: origin,
      pageIndex: slot)
    status.isConnected = isConnected
    status.isDegraded = isConnected && state == .degraded
    status.controls = description.controls
    status.battery = battery
    status.health = health
    status.state = state
    status.reason = reason
    status.since = Timestamp(nanoseconds: stateSince)
    status.port = key.port
    status.signal = signal
    status.hasHaptics = hasHaptics
    status.hasLight = hasLight
    return status
  }

  private var health: DeviceHealth {
    func known(_ value: Double, times factor: Double = 1) -> Double? { value.isNaN ? nil : value * factor }
    let degreesPerMinute = 60 * 180 / Double.pi
    var health = DeviceHealth()
    health.reports = statistics.reports.load(ordering: .relaxed)
    health.decodeErrors = statistics.decodeErrors.load(ordering: .relaxed)
    health.lostSamples = statistics.lostSamples.load(ordering: .relaxed)
    health.opticalSamples = statistics.opticalSamples.load(ordering: .relaxed)
    let bias = statistics.gyroscopeBias
    // Unknown until the first report.
    if bias.isFinite { health.gyroscopeBias = bias }
    health.clockResidualMicroseconds = known(statistics.clockResidual.value, times: 1e6)
    health.clockSkewPartsPerMillion = known(statistics.clockSkew.value, times: 1e6) ?? 0
    health.driftAtRestDegreesPerMinute = known(statistics.driftAtRest.value, times: degreesPerMinute)
    health.driftAgainstGravityDegreesPerMinute = known(
      statistics.driftAgainstGravity.value, times: degreesPerMinute)
    health.driftAgainstFieldDegreesPerMinute = known(
      statistics.driftAgainstField.value, times: degreesPerMinute)
    health.gyroscopeNoiseDegrees = known(statistics.gyroscopeNoise.value, times: 180 / .pi)
    health.isHeadingReferenced = statistics.isHeadingReferenced.load(ordering: .relaxed)
    health.measurements = statistics.measurements.load(ordering: .relaxed)
    health.measurementsRejected = statistics.measurementsRejected.load(ordering: .relaxed)
    health.measurementDelayMilliseconds = known(statistics.measurementDelay.value, times: 1e3)
    health.measurementConsistency = known(statistics.measurementConsistency.value)
    health.calibration = calibration
    return health
  }
}
