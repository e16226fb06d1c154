import Spatial

/// One reading of an inertial measurement unit in OpenXR axes (X right, Y up, −Z forward).
public struct InertialSample: Sendable {
  /// When its bytes were read.
  public var received: Timestamp
  /// The device's own counter, as many bits as it has, not unwrapped; nil when the device has no clock.
  public var deviceTicks: UInt64?
  /// rad/s.
  public var angularVelocity: Vector3
  /// m/s²: specific force, so a device at rest reads +9.81 along the axis that points up.
  public var specificForce: Vector3
  /// µT, when the device has a magnetometer.
  public var magneticField: Vector3?
  /// °C, when the device reports it.
  public var temperature: Double?
  /// How many sensor periods the reading is the mean of (1 for a plain reading).
  public var periods: Int32
  /// The sensor is at the end of its range in at least one axis.
  public var isSaturated: Bool

  public init(
    received: Timestamp, deviceTicks: UInt64? = nil, angularVelocity: Vector3, specificForce: Vector3,
    magneticField: Vector3? = nil, temperature: Double? = nil, periods: Int32 = 1, isSaturated: Bool = false
  ) {
    self.received = received
    self.deviceTicks = deviceTicks
    self.angularVelocity = angularVelocity
    self.specificForce = specificForce
    self.magneticField = magneticField
    self.temperature = temperature
    self.periods = periods
    self.isSaturated = isSaturated
  }
}

/// An orientation fused by the device itself.
public struct OrientationSample: Sendable {
  public var received: Timestamp
  public var deviceTicks: UInt64?
  /// World (gravity up +Y, heading arbitrary) from device, OpenXR axes.
  public var worldFromDevice: Quaternion
  /// rad/s in the device's axes, when it reports them.
  public var angularVelocity: Vector3?
  /// Changes when the device set a new heading reference.
  public var referenceCounter: UInt32
  /// Metres in the world, when the device reports its position.
  public var position: Vector3?

  public init(
    received: Timestamp, deviceTicks: UInt64? = nil, worldFromDevice: Quaternion,
    angularVelocity: Vector3? = nil, referenceCounter: UInt32 = 0, position: Vector3? = nil
  ) {
    self.received = received
    self.deviceTicks = deviceTicks
    self.worldFromDevice = worldFromDevice
    self.angularVelocity = angularVelocity
    self.referenceCounter = referenceCounter
    self.position = position
  }
}
