import Spatial
import CommandSupport
import Sensing

/// The JSON object of a device in `devices --json`.
struct DeviceReport: Encodable {
  private struct Battery: Encodable {
    var level: Double?
    var charging: Bool
  }
  private struct Drift: Encodable {
    var atRest: Nullable<Double>
    var againstGravity: Nullable<Double>
    var againstField: Nullable<Double>
  }
  private struct Measurements: Encodable {
    var used: UInt64
    var rejected: UInt64
    var delayMs: Nullable<Double>
    var consistency: Nullable<Double>
  }

  private var id: UInt32
  private var family: String
  private var name: String
  private var serial: String
  private var role: String
  private var origin: String
  private var connected: Bool
  private var degraded: Bool
  private var state: String
  private var reason: String
  private var place: String
  private var battery: Nullable<Battery>
  private var controls: [String]
  private var reports: UInt64
  private var decodeErrors: UInt64
  private var lostSamples: UInt64
  private var calibration: String
  private var gyroscopeBias: [Nullable<Double>]
  private var gyroscopeNoiseDeg: Nullable<Double>
  private var driftDegMin: Drift
  private var measurements: Measurements
  private var headingReferenced: Bool
  private var clockResidualUs: Nullable<Double>
  private var clockSkewPpm: Nullable<Double>

  init(_ device: DeviceStatus) {
    let health = device.health
    func number(_ value: Double?) -> Nullable<Double> { Nullable(number: value ?? .nan) }
    (id, family, name, serial) = (device.id.number, device.family, device.name, device.serial)
    role = device.role.name
    origin = device.origin.name
    (connected, degraded) = (device.isConnected, device.isDegraded)
    state = device.state.name
    (reason, place) = (device.reason, device.port)
    battery = Nullable(
      device.battery.map { Battery(level: Double($0.level).finite, charging: $0.isCharging) })
    controls = device.controls.map(\.path)
    (reports, decodeErrors, lostSamples) = (health.reports, health.decodeErrors, health.lostSamples)
    calibration = health.calibration.rawValue
    gyroscopeBias = [
      number(health.gyroscopeBias.x), number(health.gyroscopeBias.y), number(health.gyroscopeBias.z),
    ]
    gyroscopeNoiseDeg = number(health.gyroscopeNoiseDegrees)
    driftDegMin = Drift(
      atRest: number(health.driftAtRestDegreesPerMinute),
      againstGravity: number(health.driftAgainstGravityDegreesPerMinute),
      againstField: number(health.driftAgainstFieldDegreesPerMinute))
    measurements = Measurements(
      used: health.measurements, rejected: health.measurementsRejected,
      delayMs: number(health.measurementDelayMilliseconds), consistency: number(health.measurementConsistency)
    )
    headingReferenced = health.isHeadingReferenced
    clockResidualUs = number(health.clockResidualMicroseconds)
    clockSkewPpm = number(health.clockSkewPartsPerMillion)
  }
}
