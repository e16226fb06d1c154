import Sensing
import Spatial

/// A device in a line of `/live`, with the fields of the protocol's `Device`.
struct LiveDevice: Encodable {
  struct Control: Encodable {
    var path: String
    var kind: String?

    init(_ control: Sensing.Control) {
      path = control.path
      kind = control.kind == .button ? nil : "CONTROL_KIND_" + control.kind.name.uppercased()
    }
  }

  struct Battery: Encodable {
    var level: Float?
    var charging: Bool?
  }

  var deviceId: UInt32
  var family: String?
  var name: String?
  var serial: String?
  var role: String?
  var origin: String?
  var connected: Bool?
  var degraded: Bool?
  var controls: [Control]?
  var battery: Battery?
  var pageSlot: Int?
  var health: LiveHealth
  var hasHaptics: Bool?
  var state: String
  var stateReason: String?
  var stateSinceNs: String?
  /// The port that it is plugged into.
  var place: String?
  var signalDbm: Int?
  var hasLight: Bool?

  init(_ status: DeviceStatus) {
    deviceId = status.id.number
    family = unless(status.family, is: "")
    name = unless(status.name, is: "")
    serial = unless(status.serial, is: "")
    role = status.role.json
    origin = status.origin == .hardware ? nil : "ORIGIN_" + status.origin.name.uppercased()
    connected = unless(status.isConnected, is: false)
    degraded = unless(status.isDegraded, is: false)
    controls = status.controls.isEmpty ? nil : status.controls.map { Control($0) }
    battery = status.battery.map {
      Battery(level: unless($0.level, is: 0), charging: unless($0.isCharging, is: false))
    }
    pageSlot = unless(status.pageIndex, is: 0)
    health = LiveHealth(status.health)
    hasHaptics = unless(status.hasHaptics, is: false)
    state = "DEVICE_STATE_" + status.state.name.uppercased()
    stateReason = unless(status.reason, is: "")
    stateSinceNs = status.since.nanoseconds.json
    place = unless(status.port, is: "")
    signalDbm = unless(status.signal ?? 0, is: 0)
    hasLight = unless(status.hasLight, is: false)
  }
}

/// Counts and estimates of a device, with the fields that the protocol's `Health` and a session's `Figures` share.
struct LiveHealth: Encodable {
  var reports: String?
  var decodeErrors: String?
  var lostSamples: String?
  var biasX, biasY, biasZ: Double?
  var clockResidualUs: Double?
  var clockSkewPpm: Double?
  var calibration: String?
  var driftAtRestDegMin: Double?
  var driftAgainstGravityDegMin: Double?
  var driftAgainstFieldDegMin: Double?
  var gyroscopeNoiseDeg: Double?
  var headingReferenced: Bool?
  var measurements: String?
  var measurementsRejected: String?
  var measurementDelayMs: Double?
  var measurementConsistency: Double?
  /// In metrics alone: the time of reading, and sweeps and flashes received.
  var timeNs: String?
  var opticalSamples: String?

  init(_ health: DeviceHealth) {
    /// NaN stands for an unknown value, a missing field for zero.
    func known(_ value: Double?) -> Double? { unless(value ?? .nan, is: 0) }
    reports = health.reports.json
    decodeErrors = health.decodeErrors.json
    lostSamples = health.lostSamples.json
    let bias = health.gyroscopeBias
    (biasX, biasY, biasZ) = (known(bias.x), known(bias.y), known(bias.z))
    clockResidualUs = known(health.clockResidualMicroseconds)
    clockSkewPpm = known(health.clockSkewPartsPerMillion)
    calibration = health.calibration.rawValue
    driftAtRestDegMin = known(health.driftAtRestDegreesPerMinute)
    driftAgainstGravityDegMin = known(health.driftAgainstGravityDegreesPerMinute)
    driftAgainstFieldDegMin = known(health.driftAgainstFieldDegreesPerMinute)
    gyroscopeNoiseDeg = known(health.gyroscopeNoiseDegrees)
    headingReferenced = unless(health.isHeadingReferenced, is: false)
    measurements = health.measurements.json
    measurementsRejected = health.measurementsRejected.json
    measurementDelayMs = known(health.measurementDelayMilliseconds)
    measurementConsistency = known(health.measurementConsistency)
  }
}

/// Metrics of a device at one time, with the fields of a session's `Figures`.
struct LiveMetrics: Encodable {
  var device: UInt32
  var figures: LiveHealth

  init(_ status: DeviceStatus, at time: Timestamp) {
    device = status.id.number
    figures = LiveHealth(status.health)
    figures.timeNs = time.nanoseconds.json
    figures.opticalSamples = status.health.opticalSamples.json
    (figures.calibration, figures.headingReferenced) = (nil, nil)
  }
}
