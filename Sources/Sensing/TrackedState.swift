import Spatial

/// How a pose was made and what of it may be trusted.
public struct TrackingFlags: OptionSet, Sendable, Hashable {
  public var rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let orientationValid = TrackingFlags(rawValue: 1 << 0)
  public static let orientationTracked = TrackingFlags(rawValue: 1 << 1)
  public static let positionValid = TrackingFlags(rawValue: 1 << 2)
  public static let positionTracked = TrackingFlags(rawValue: 1 << 3)
  /// Answers a query at a time for which a state exists.
  public static let exact = TrackingFlags(rawValue: 1 << 4)
  public static let interpolated = TrackingFlags(rawValue: 1 << 5)
  public static let predicted = TrackingFlags(rawValue: 1 << 6)
  /// The requested time was further ahead than prediction is allowed to go.
  public static let predictionCapped = TrackingFlags(rawValue: 1 << 7)
  public static let atRest = TrackingFlags(rawValue: 1 << 8)
  /// The device sends bad reports at present.
  public static let degraded = TrackingFlags(rawValue: 1 << 9)
  public static let recorded = TrackingFlags(rawValue: 1 << 10)
  public static let emulated = TrackingFlags(rawValue: 1 << 11)
  /// The device is gone; the pose is its last.
  public static let lost = TrackingFlags(rawValue: 1 << 12)
  /// The position is that of a neck or an arm that turns, not a measured one.
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

/// One standard deviation of what the state claims; NaN where it claims nothing.
public struct PoseUncertainty: Sendable, Hashable {
  /// Tilt against gravity, rad.
  public var inclination: Double
  /// Turn about the vertical, rad. Grows without bound when nothing observes it.
  public var heading: Double
  /// Metres.
  public var position: Double

  public init(inclination: Double = .nan, heading: Double = .nan, position: Double = .nan) {
    self.inclination = inclination
    self.heading = heading
    self.position = position
  }
}

/// Where a device is, how it moves, and how that is known.
public struct TrackedState: Sendable {
  /// The time that the pose is of.
  public var captured: Timestamp
  /// When the bytes were read that the pose rests on.
  public var received: Timestamp
  /// World (Y up) from device.
  public var worldFromDevice: Pose
  /// rad/s, in the world's axes.
  public var angularVelocity: Vector3
  /// rad/s, in the world's axes: what is foreseen as the mean angular velocity from `captured` to each of
  /// `horizons` after it.
  public var ratesAhead: InlineArray<4, Vector3>
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
    // Until something better is known it turns on as it does.
    ratesAhead = InlineArray(repeating: angularVelocity)
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
    for index in 0..<4 { archive.code(&ratesAhead[index]) }
    archive.code(&linearVelocity)
    archive.code(&uncertainty.inclination)
    archive.code(&uncertainty.heading)
    archive.code(&uncertainty.position)
    archive.code(&flags.rawValue)
  }

  /// Seconds ahead that `ratesAhead` is for.
  public static let horizons: InlineArray<4, Double> = [0.02, 0.04, 0.06, 0.1]

  /// The mean angular velocity from `captured` to so many seconds later, rad/s, world axes.
  public func meanRate(_ ahead: Double) -> Vector3 {
    var (start, rate) = (0.0, angularVelocity)
    for index in 0..<4 {
      let (end, next) = (Self.horizons[index], ratesAhead[index])
      if ahead <= end { return rate + (next - rate) * (max(0, ahead - start) / (end - start)) }
      (start, rate) = (end, next)
    }
    return rate
  }
}
