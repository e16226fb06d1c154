import Spatial

/// What is known of a heading after a time without samples: the last heading is the best guess, and becomes less certain
/// until it is as likely as any other.
enum UnknownMotion {
  /// rad²/s: a person who turns by 40° within a second.
  private static let growth = 0.5
  /// rad²: variance of a heading that may be any.
  private static let unknown = Double.pi * .pi / 3

  /// rad: uncertainty of a heading that may be any, one standard deviation.
  static let unknownHeading = unknown.squareRoot()

  /// Returns the variance of the heading after a gap, rad²; never less than before it.
  ///
  /// - Parameters:
  ///   - variance: before the gap, rad².
  ///   - gap: seconds.
  static func headingVariance(_ variance: Double, after gap: Double) -> Double {
    max(variance, min(variance + growth * gap, unknown))
  }
}

extension Quaternion {
  /// Returns world-from-device with the tilt that a force in device axes gives, by the shortest turn: the heading is kept.
  func levelled(by force: Vector3) -> Quaternion {
    (Quaternion(from: rotate(force), to: Vector3(0, 1, 0)) * self).normalized
  }
}
