public import Sensing
public import Spatial

extension Vrbridge_Session_Figures {
  /// The message of a device's health at a time; NaN stands for unknown values.
  public init(_ health: DeviceHealth, at time: Timestamp) {
    self.init()
    timeNs = time.nanoseconds
    (reports, decodeErrors, lostSamples) = (health.reports, health.decodeErrors, health.lostSamples)
    opticalSamples = health.opticalSamples
    (measurements, measurementsRejected) = (health.measurements, health.measurementsRejected)
    measurementDelayMs = health.measurementDelayMilliseconds ?? .nan
    measurementConsistency = health.measurementConsistency ?? .nan
    clockResidualUs = health.clockResidualMicroseconds ?? .nan
    clockSkewPpm = health.clockSkewPartsPerMillion
    driftAtRestDegMin = health.driftAtRestDegreesPerMinute ?? .nan
    driftAgainstGravityDegMin = health.driftAgainstGravityDegreesPerMinute ?? .nan
    driftAgainstFieldDegMin = health.driftAgainstFieldDegreesPerMinute ?? .nan
    gyroscopeNoiseDeg = health.gyroscopeNoiseDegrees ?? .nan
    let bias = health.gyroscopeBias
    (biasX, biasY, biasZ) = (bias.x, bias.y, bias.z)
  }
}
