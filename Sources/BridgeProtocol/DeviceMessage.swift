import Sensing
import Spatial
import SwiftProtobuf

extension Vrbridge_V1_Device {
  public init(_ status: DeviceStatus) {
    self.init()
    deviceID = status.id.number
    family = status.family
    name = status.name
    serial = status.serial
    role = Vrbridge_V1_Role(status.role)
    origin = Vrbridge_V1_Origin(rawValue: Int(status.origin.rawValue)) ?? .hardware
    connected = status.isConnected
    degraded = status.isDegraded
    controls = status.controls.map { control in
      .with {
        $0.path = control.path
        $0.kind = Vrbridge_V1_ControlKind(rawValue: Int(control.kind.rawValue)) ?? .button
      }
    }
    if let source = status.battery {
      battery.level = source.level
      battery.charging = source.isCharging
    }
    pageSlot = UInt32(clamping: status.pageIndex)
    health = Vrbridge_V1_Health(status.health)
    state = Vrbridge_V1_DeviceState(rawValue: Int(status.state.rawValue)) ?? .unspecified
    stateReason = status.reason
    stateSinceNs = status.since.nanoseconds
    place = status.port
    signalDbm = Int32(clamping: status.signal ?? 0)
    hasHaptics_p = status.hasHaptics
    hasLight_p = status.hasLight
  }

  /// The device that the message describes.
  ///
  /// Values of a newer protocol become the nearest known: a role counts as tracker, an origin as hardware, a control
  /// kind as axis, a calibration source as nominal. Bridges before protocol 1.2 send no state; it is then derived.
  public var status: DeviceStatus {
    var status = DeviceStatus(
      id: DeviceID(deviceID), family: family, name: name, serial: serial, role: role.deviceRole,
      origin: UInt8(exactly: origin.rawValue).flatMap { Sensing.Origin(rawValue: $0) } ?? .hardware,
      pageIndex: Int(pageSlot))
    status.isConnected = connected
    status.isDegraded = degraded
    status.controls = controls.map { control in
      Control(
        path: control.path,
        kind: UInt8(exactly: control.kind.rawValue).flatMap { Control.Kind(rawValue: $0) } ?? .axis)
    }
    if hasBattery { status.battery = BatteryState(level: battery.level, isCharging: battery.charging) }
    status.health = health.metrics
    status.state =
      UInt8(exactly: state.rawValue).flatMap { DeviceState(rawValue: $0) }
      ?? (!connected ? .lost : degraded ? .degraded : .streaming)
    status.reason = stateReason
    status.since = Timestamp(nanoseconds: stateSinceNs)
    status.port = place
    status.signal = signalDbm == 0 ? nil : Int(signalDbm)
    status.hasHaptics = hasHaptics_p
    status.hasLight = hasLight_p
    return status
  }
}

extension Vrbridge_V1_Health {
  init(_ metrics: DeviceHealth) {
    self.init()
    reports = metrics.reports
    decodeErrors = metrics.decodeErrors
    lostSamples = metrics.lostSamples
    (biasX, biasY, biasZ) = (metrics.gyroscopeBias.x, metrics.gyroscopeBias.y, metrics.gyroscopeBias.z)
    clockResidualUs = metrics.clockResidualMicroseconds ?? .nan
    clockSkewPpm = metrics.clockSkewPartsPerMillion
    calibration = metrics.calibration.rawValue
    driftAtRestDegMin = metrics.driftAtRestDegreesPerMinute ?? .nan
    driftAgainstGravityDegMin = metrics.driftAgainstGravityDegreesPerMinute ?? .nan
    driftAgainstFieldDegMin = metrics.driftAgainstFieldDegreesPerMinute ?? .nan
    gyroscopeNoiseDeg = metrics.gyroscopeNoiseDegrees ?? .nan
    headingReferenced = metrics.isHeadingReferenced
    measurements = metrics.measurements
    measurementsRejected = metrics.measurementsRejected
    measurementDelayMs = metrics.measurementDelayMilliseconds ?? .nan
    measurementConsistency = metrics.measurementConsistency ?? .nan
  }

  var metrics: DeviceHealth {
    /// NaN stands for an unknown value on the wire.
    func known(_ value: Double) -> Double? { value.isNaN ? nil : value }
    var metrics = DeviceHealth()
    metrics.reports = reports
    metrics.decodeErrors = decodeErrors
    metrics.lostSamples = lostSamples
    metrics.gyroscopeBias = Vector3(biasX, biasY, biasZ)
    metrics.clockResidualMicroseconds = known(clockResidualUs)
    metrics.clockSkewPartsPerMillion = clockSkewPpm
    metrics.calibration = InertialCalibration.Source(rawValue: calibration) ?? .nominal
    metrics.driftAtRestDegreesPerMinute = known(driftAtRestDegMin)
    metrics.driftAgainstGravityDegreesPerMinute = known(driftAgainstGravityDegMin)
    metrics.driftAgainstFieldDegreesPerMinute = known(driftAgainstFieldDegMin)
    metrics.gyroscopeNoiseDegrees = known(gyroscopeNoiseDeg)
    metrics.isHeadingReferenced = headingReferenced
    metrics.measurements = measurements
    metrics.measurementsRejected = measurementsRejected
    metrics.measurementDelayMilliseconds = known(measurementDelayMs)
    metrics.measurementConsistency = known(measurementConsistency)
    return metrics
  }
}

extension Vrbridge_V1_DeviceEvent {
  public init(_ event: DeviceEvent) {
    self.init()
    kind =
      switch event.kind {
      case .arrived: .arrived
      case .lost: .lost
      case .changed: .changed
      case .recentered: .recentered
      case .state: .state
      }
    // Clients of 0.1 read the field in every event.
    device = event.device.map { Vrbridge_V1_Device($0) } ?? Vrbridge_V1_Device()
    timeNs = event.time.nanoseconds
  }

  /// The event that the message describes; nil for a kind of a newer protocol.
  public var event: DeviceEvent? {
    let kind: DeviceEvent.Kind
    switch self.kind {
    case .arrived: kind = .arrived
    case .lost: kind = .lost
    case .changed: kind = .changed
    case .recentered: kind = .recentered
    case .state: kind = .state
    case .unspecified, .UNRECOGNIZED: return nil
    }
    return DeviceEvent(
      kind, device: kind == .recentered ? nil : device.status, time: Timestamp(nanoseconds: timeNs))
  }
}
