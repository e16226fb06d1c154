import Foundation
import StrictYAML
import Tracking

extension OrientationSettings {
  /// Name in a settings file, and place, of each setting.
  public static var keys: [(name: String, path: WritableKeyPath<OrientationSettings, Double>)] {
    [
      ("correction_interval_s", \.correctionInterval), ("gyroscope_noise", \.gyroscopeNoise),
      ("rotation_noise", \.rotationNoise), ("bias_walk", \.biasWalk), ("rest_bias_walk", \.restBiasWalk),
      ("bias_spread_rad_s", \.biasSpread), ("largest_bias_rad_s", \.largestBias),
      ("response_spread", \.responseSpread), ("accelerometer_noise", \.accelerometerNoise),
      ("velocity_floor_m_s", \.velocityFloor), ("velocity_per_acceleration_s", \.velocityPerAcceleration),
      ("position_spread_m", \.positionSpread), ("motion_correlation_s", \.motionCorrelation),
      ("motion_memory_s", \.motionMemory), ("rest_rate_rad_s", \.restRate), ("rest_force_m_s2", \.restForce),
      ("rest_duration_s", \.restDuration), ("rest_velocity_m_s", \.restVelocity),
      ("field_spread_uT", \.fieldSpread), ("field_correlation_s", \.fieldCorrelation),
      ("field_memory_s", \.fieldMemory), ("field_tolerance", \.fieldTolerance),
    ]
  }

  /// From YAML text with any of the keys.
  public init(yaml text: String, file: String) throws(DocumentError) {
    self.init()
    let map = try YAMLDocument(text: text, file: file).root.mapping(keys: Self.keys.map(\.name))
    for (name, path) in Self.keys {
      guard let value = map[name] else { continue }
      // None of them means anything at or below zero, but the spread of a perfect response and the walks.
      let mayBeZero = ["response_spread", "bias_walk", "rest_bias_walk", "rotation_noise"].contains(name)
      self[keyPath: path] = try value.number(in: (mayBeZero ? 0 : 1e-9)...1e9)
    }
  }
}
