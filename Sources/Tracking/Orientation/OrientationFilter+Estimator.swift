import Spatial

extension OrientationFilter: OrientationEstimator {
  public static let name = "error-state-kalman"

  public static var settings: [EstimatorSetting] {
    let standard = OrientationSettings()
    // Zero is meaningful for the spread of a perfect response and for the random walks only.
    let mayBeZero = ["response_spread", "bias_walk", "rest_bias_walk", "rotation_noise"]
    return OrientationSettings.keys.map { name, path in
      EstimatorSetting(name, standard[keyPath: path], in: (mayBeZero.contains(name) ? 0 : 1e-9)...1e9)
    }
  }

  public init(settings: EstimatorSettings, learned: LearnedGyroscope?, worldFromDevice: Quaternion?) {
    let settings = settings.orientationSettings ?? OrientationSettings()
    if let learned {
      self.init(settings: settings, learned: learned)
    } else {
      self.init(settings: settings)
    }
    if let worldFromDevice { proceed(from: worldFromDevice) }
  }

  @inline(__always)
  public var estimate: OrientationEstimate {
    var estimate = OrientationEstimate(
      worldFromDevice: worldFromDevice, bias: bias, inclinationUncertainty: inclinationUncertainty,
      headingUncertainty: headingUncertainty)
    estimate.isAtRest = isAtRest
    estimate.isHeadingReferenced = isHeadingReferenced
    estimate.tiltCorrection = tiltCorrection
    estimate.headingCorrection = headingCorrection
    estimate.measuredNoise = measuredNoise
    return estimate
  }

  /// Starts from a known orientation instead of the first force.
  private mutating func proceed(from orientation: Quaternion) {
    hasStarted = true
    worldFromDevice = orientation
    // Adapts to the samples.
    period = 0.01
    lastRate = bias
    meanRate = bias
    lastForce = Vector3(0, standardGravity, 0)
    meanForce = lastForce
  }
}
