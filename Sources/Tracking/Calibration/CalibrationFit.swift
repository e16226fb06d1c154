import Sensing
import Spatial

/// A calibration computed from a session, and its quality.
public struct CalibrationFit: Sendable {
  public var calibration: InertialCalibration
  public var quality: Quality

  /// Residuals before and after, on rests and turns that were not part of the fit where there are enough.
  public struct Quality: Sendable, Hashable {
    /// m/s², root mean square distance of the resting force from gravity's magnitude.
    public var forceBefore: Double
    public var forceAfter: Double
    /// rad, root mean square: gravity turned by the gyroscope against gravity measured, from rest to rest.
    public var turnBefore: Double
    public var turnAfter: Double
    /// Relative spread of the field's magnitude; nil without magnetometer.
    public var fieldBefore: Double?
    public var fieldAfter: Double?
    public var poses: Int
    /// °C covered; 0 without a thermometer.
    public var temperatureSpan: Double
  }

  /// Fits accelerometer, gyroscope and, where there are readings, magnetometer.
  ///
  /// - Parameter before: the active calibration, which the new one has to improve.
  public init(_ session: CalibrationSession, before: InertialCalibration) throws(CalibrationError) {
    var session = session
    session.finish()
    let progress = session.progress
    guard progress.isComplete else {
      throw .tooFewPoses(have: progress.distinctPoses, missing: progress.missing)
    }
    let poses = session.poses
    guard let accelerometer = Self.accelerometer(poses) else { throw .undetermined("accelerometer") }
    guard let gyroscope = Self.gyroscope(session, poses, accelerometer) else {
      throw .undetermined("gyroscope")
    }
    let temperature = Self.temperature(poses, gyroscope.matrix)

    var calibration = before
    calibration.accelerometer = accelerometer
    calibration.gyroscope = gyroscope
    calibration.gyroscopePerDegree = temperature.slope
    if let reference = temperature.reference { calibration.referenceTemperature = reference }
    calibration.source = .user

    // Judged on every second pose with a fit to the others: what was fitted always looks better on itself.
    var (forceBefore, forceAfter, turnBefore, turnAfter) = (0.0, 0.0, 0.0, 0.0)
    for part in 0..<2 {
      let seen = poses.enumerated().filter { $0.offset % 2 == part }.map(\.element)
      let unseen = poses.enumerated().filter { $0.offset % 2 != part }.map(\.element)
      // With half of the poses a full fit may be impossible; the whole one is then judged on what it saw.
      let trial = seen.count >= 9 ? Self.accelerometer(seen) ?? accelerometer : accelerometer
      forceBefore += Self.forceResidual(unseen, before.accelerometer) / 2
      forceAfter += Self.forceResidual(unseen, trial) / 2
    }
    turnBefore = Self.turnResidual(session, poses, before.gyroscope, before.accelerometer)
    turnAfter = Self.turnResidual(session, poses, gyroscope, accelerometer)
    quality = Quality(
      forceBefore: forceBefore, forceAfter: forceAfter, turnBefore: turnBefore, turnAfter: turnAfter,
      fieldBefore: nil, fieldAfter: nil, poses: poses.count, temperatureSpan: temperature.span)
    if session.fields.count > 200, let magnetometer = EllipsoidFit(session.fields) {
      let old = EllipsoidFit.spread(session.fields, before.magnetometer ?? .identity)
      quality.fieldBefore = old
      quality.fieldAfter = EllipsoidFit.spread(session.fields, magnetometer.correction)
      if let after = quality.fieldAfter, after < old { calibration.magnetometer = magnetometer.correction }
    }
    self.calibration = calibration
    guard forceAfter < forceBefore, turnAfter < turnBefore else { throw .notBetter(quality) }
  }

  static func correction(_ unknowns: ArraySlice<Double>, scale: Matrix3 = .identity) -> AffineCorrection {
    let n = Array(unknowns)
    // Upper triangle: the accelerometer's x axis defines the unit's.
    return AffineCorrection(
      matrix: Matrix3(Vector3(1 + n[0], n[1], n[2]), Vector3(0, 1 + n[3], n[4]), Vector3(0, 0, 1 + n[5])),
      offset: Vector3(n[6], n[7], n[8]))
  }

  private static func accelerometer(_ poses: [CalibrationSession.StillPose]) -> AffineCorrection? {
    let steps = [1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-5, 1e-5, 1e-5]
    let solution = LeastSquares.solve(start: [Double](repeating: 0, count: 9), steps: steps) { unknowns in
      let correction = correction(unknowns[...])
      // Weak ties: an axis is seldom out by more than 3 % or 1 m/s².
      let ties = zip(unknowns, 0..<9).map { $0 / ($1 < 6 ? 0.03 : 1) * 1e-3 }
      return poses.map { correction($0.force).length - standardGravity } + ties
    }
    return solution.map { correction($0.unknowns[...]) }
  }

  private static func gyroscope(
    _ session: CalibrationSession, _ poses: [CalibrationSession.StillPose], _ accelerometer: AffineCorrection
  ) -> AffineCorrection? {
    let seconds = poses.reduce(0.0) { $0 + Double($1.last - $1.first) }
    let bias = poses.reduce(Vector3.zero) { $0 + $1.rate * Double($1.last - $1.first) } / seconds
    let turns = turns(session, poses)
    guard turns.count >= 6 else { return nil }
    let solution = LeastSquares.solve(
      start: [Double](repeating: 0, count: 9), steps: [Double](repeating: 1e-5, count: 9)
    ) { n in
      let matrix = gyroscopeMatrix(n)
      let ties = n.map { $0 / 0.03 * 1e-4 }
      return turns.flatMap { turn -> [Double] in
        let error = turn.error(matrix: matrix, bias: bias, accelerometer: accelerometer)
        return [error.x, error.y, error.z]
      } + ties
    }
    return solution.map {
      let matrix = gyroscopeMatrix($0.unknowns)
      return AffineCorrection(matrix: matrix, offset: matrix * bias)
    }
  }

  private static func gyroscopeMatrix(_ n: [Double]) -> Matrix3 {
    Matrix3(
      Vector3(1 + n[0], n[1], n[2]), Vector3(n[3], 1 + n[4], n[5]), Vector3(n[6], n[7], 1 + n[8]))
  }

  /// The samples between two rests.
  private struct Turn {
    var samples: ArraySlice<(rate: Vector3, step: Double)>
    var before: Vector3
    var after: Vector3

    /// Direction of gravity turned by the gyroscope, less the one measured; unit axes.
    func error(matrix: Matrix3, bias: Vector3, accelerometer: AffineCorrection) -> Vector3 {
      var turn = Quaternion.identity
      for sample in samples {
        turn = (turn * Quaternion(rotationVector: matrix * (sample.rate - bias) * sample.step)).renormalized
      }
      let from = accelerometer(before).normalized ?? .zero
      let to = accelerometer(after).normalized ?? .zero
      return turn.conjugate.rotate(from) - to
    }
  }

  private static func turns(
    _ session: CalibrationSession, _ poses: [CalibrationSession.StillPose]
  ) -> [Turn] {
    zip(poses, poses.dropFirst()).compactMap { before, after in
      guard before.stretch == after.stretch else { return nil }
      // From the middle of one rest to the middle of the next.
      let start = (before.first + before.last) / 2
      let end = (after.first + after.last) / 2
      guard start < end, end <= session.turns.count else { return nil }
      let samples = session.turns[start..<end]
      let seconds = samples.reduce(0) { $0 + $1.step }
      // Longer than that, what is left of the bias says more than the turn.
      guard seconds < 30 else { return nil }
      return Turn(samples: Array(samples)[...], before: before.force, after: after.force)
    }
  }

  private static func forceResidual(
    _ poses: [CalibrationSession.StillPose], _ correction: AffineCorrection
  ) -> Double {
    let squares = poses.map { pose -> Double in
      let distance = correction(pose.force).length - standardGravity
      return distance * distance
    }
    return (squares.reduce(0, +) / Double(max(1, squares.count))).squareRoot()
  }

  private static func turnResidual(
    _ session: CalibrationSession, _ poses: [CalibrationSession.StillPose], _ gyroscope: AffineCorrection,
    _ accelerometer: AffineCorrection
  ) -> Double {
    let bias = gyroscope.matrix.inverse.map { $0 * gyroscope.offset } ?? .zero
    let squares = turns(session, poses).map {
      $0.error(matrix: gyroscope.matrix, bias: bias, accelerometer: accelerometer).squaredLength
    }
    return (squares.reduce(0, +) / Double(max(1, squares.count))).squareRoot()
  }

  /// Straight line of the bias over temperature; no slope where the temperature hardly changed.
  private static func temperature(
    _ poses: [CalibrationSession.StillPose], _ matrix: Matrix3
  ) -> (slope: Vector3, reference: Double?, span: Double) {
    let known = poses.compactMap { pose in pose.temperature.map { ($0, matrix * pose.rate) } }
    guard known.count > 4, let low = known.map(\.0).min(), let high = known.map(\.0).max() else {
      return (.zero, nil, 0)
    }
    let mean = known.reduce(0) { $0 + $1.0 } / Double(known.count)
    guard high - low > 3 else { return (.zero, mean, high - low) }
    let middle = known.reduce(Vector3.zero) { $0 + $1.1 } / Double(known.count)
    var (product, square) = (Vector3.zero, 0.0)
    for (temperature, rate) in known {
      product += (rate - middle) * (temperature - mean)
      square += (temperature - mean) * (temperature - mean)
    }
    return (product / square, mean, high - low)
  }
}
