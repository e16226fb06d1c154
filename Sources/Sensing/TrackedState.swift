import Spatial

/// How a pose was computed and which of its parts are valid.
public struct TrackingFlags: OptionSet, Sendable, Hashable {
  public var rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let orientationValid = TrackingFlags(rawValue: 1 << 0)
  public static let orientationTracked = TrackingFlags(rawValue: 1 << 1)
  public static let positionValid = TrackingFlags(rawValue: 1 << 2)
  public static let positionTracked = TrackingFlags(rawValue: 1 << 3)
  /// The pose is a computed state, neither interpolated nor predicted.
  public static let exact = TrackingFlags(rawValue: 1 << 4)
  public static let interpolated = TrackingFlags(rawValue: 1 << 5)
  public static let predicted = TrackingFlags(rawValue: 1 << 6)
  /// The requested time was beyond the prediction limit.
  public static let predictionCapped = TrackingFlags(rawValue: 1 << 7)
  public static let atRest = TrackingFlags(rawValue: 1 << 8)
  /// The device sends invalid reports at present.
  public static let degraded = TrackingFlags(rawValue: 1 << 9)
  public static let recorded = TrackingFlags(rawValue: 1 << 10)
  public static let emulated = TrackingFlags(rawValue: 1 << 11)
  /// The device is disconnected; the pose is its last.
  public static let lost = TrackingFlags(rawValue: 1 << 12)
  /// The position comes from a neck or arm model, not from a measurement.
  public static let positionModelled = TrackingFlags(rawValue: 1 << 13)

  /// Name of each flag, lowest bit first, as in JSON and in the table of `vrbridge watch`.
  public static let names: [(flag: TrackingFlags, name: String)] = [
    (.orientationValid, "orientation_valid"), (.orientationTracked, "orientation_tracked"),
    (.positionValid, "position_valid"), (.positionTracked, "position_tracked"), (.exact, "exact"),
    (.interpolated, "interpolated"), (.predicted, "predicted"), (.predictionCapped, "prediction_capped"),
    (.atRest, "at_rest"), (.degraded, "degraded"), (.recorded, "recorded"), (.emulated, "emulated"),
    (.lost, "lost"), (.positionModelled, "position_modelled"),
  ]

  public var nameList: [String] { Self.names.filter { contains($0.flag) }.map(\.name) }
}

extension TrackedState {
  /// Whether the position is measured, held or estimated by a model; without one it is zero and means nothing.
  public var hasPosition: Bool { flags.contains(.positionValid) }
}

/// One standard deviation of each part of the state; NaN where it is unknown.
public struct PoseUncertainty: Sendable, Hashable {
  /// Tilt against gravity, rad.
  public var inclination: Double
  /// Rotation about the vertical, rad. Grows without bound while it is not observed.
  public var heading: Double
  /// Metres.
  public var position: Double

  public init(inclination: Double = .nan, heading: Double = .nan, position: Double = .nan) {
    self.inclination = inclination
    self.heading = heading
    self.position = position
  }
}

/// Pose and velocity of a device, their uncertainty, and how they were computed.
public struct TrackedState: Sendable {
  /// The time at which the pose holds.
  public var captured: Timestamp
  /// When the newest bytes were read that the pose depends on.
  public var received: Timestamp
  /// World (Y up) from device.
  public var worldFromDevice: Pose
  /// rad/s, in the world's axes.
  public var angularVelocity: Vector3
  /// rad/s, in the world's axes: the predicted mean angular velocity from `captured` to each of `horizons` after it.
  public var predictedAngularVelocities: InlineArray<4, Vector3>
  /// m/s, in the world's axes.
  public var linearVelocity: Vector3
  public var uncertainty: PoseUncertainty
  public var flags: TrackingFlags

  public init(
    captured: Timestamp, received: Timestamp, worldFromDevice: Pose = .identity,
    angularVelocity: Vector3 = .zero, linearVelocity: Vector3 = .zero,
    uncertainty: PoseUncertainty = PoseUncertainty(), flags: TrackingFlags = []
  ) {
    self.captured = captured
    self.received = received
    self.worldFromDevice = worldFromDevice
    self.angularVelocity = angularVelocity
    // The default prediction is a constant angular velocity.
    predictedAngularVelocities = InlineArray(repeating: angularVelocity)
    self.linearVelocity = linearVelocity
    self.uncertainty = uncertainty
    self.flags = flags
  }

  public mutating func archive(_ archive: StateArchive) {
    archive.code(&captured)
    archive.code(&received)
    archive.code(&worldFromDevice.position)
    archive.code(&worldFromDevice.orientation)
    archive.code(&angularVelocity)
    for index in 0..<4 { archive.code(&predictedAngularVelocities[index]) }
    archive.code(&linearVelocity)
    archive.code(&uncertainty.inclination)
    archive.code(&uncertainty.heading)
    archive.code(&uncertainty.position)
    archive.code(&flags.rawValue)
  }

  /// Seconds after `captured` at which `predictedAngularVelocities` hold.
  public static let horizons: InlineArray<4, Double> = [0.02, 0.04, 0.06, 0.1]

  /// Returns the mean angular velocity from `captured` to a number of seconds later, rad/s, world axes.
  public func meanRate(_ ahead: Double) -> Vector3 {
    var (start, rate) = (0.0, angularVelocity)
    for index in 0..<4 {
      let (end, next) = (Self.horizons[index], predictedAngularVelocities[index])
      if ahead <= end { return rate + (next - rate) * (max(0, ahead - start) / (end - start)) }
      (start, rate) = (end, next)
    }
    return rate
  }
}
