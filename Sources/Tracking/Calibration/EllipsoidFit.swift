import Sensing
import Spatial

/// Readings of a magnetometer lie on an ellipsoid; the correction makes a sphere of it whose radius is the median
/// strength, centred on zero (hard iron is the centre, soft iron and scale are the shape).
public struct EllipsoidFit: Sendable {
  public var correction: AffineCorrection

  /// - Returns: nil when the readings do not cover the ellipsoid, or lie on something else.
  public init?(_ readings: [Vector3]) {
    // A few thousand say as much as all, if they are spread over the recording.
    let every = max(1, readings.count / 4000)
    let sample = stride(from: 0, to: readings.count, by: every).map { readings[$0] }
    // From the middle of the readings, so that zero lies inside: hard iron may be stronger than the field.
    let low = sample.reduce(Vector3(repeating: .infinity)) { $0.componentMinimum($1) }
    let high = sample.reduce(Vector3(repeating: -.infinity)) { $0.componentMaximum($1) }
    let middle: Vector3 = (low + high) * 0.5
    let strengths = sample.map { ($0 - middle).length }.sorted()
    guard sample.count >= 100, let scale = strengths.dropFirst(strengths.count / 2).first, scale > 0 else {
      return nil
    }
    // Unknowns: symmetric matrix and linear part of x'Ax + b'x = 1, readings in units of their median.
    var normal = [Double](repeating: 0, count: 81)
    var right = [Double](repeating: 0, count: 9)
    for reading in sample {
      let v: Vector3 = (reading - middle) / scale
      let row = [
        v.x * v.x, v.y * v.y, v.z * v.z, 2 * v.x * v.y, 2 * v.x * v.z, 2 * v.y * v.z, v.x, v.y, v.z,
      ]
      for i in 0..<9 {
        right[i] += row[i]
        for j in 0..<9 { normal[i * 9 + j] += row[i] * row[j] }
      }
    }
    for i in 0..<9 { normal[i * 10] += 1e-9 * Double(sample.count) }
    guard let n = Cholesky.solve(normal, right, size: 9) else { return nil }
    let shape = Matrix3(
      Vector3(n[0], n[3], n[4]), Vector3(n[3], n[1], n[5]), Vector3(n[4], n[5], n[2]))
    guard let inverse = shape.inverse else { return nil }
    let center = inverse * Vector3(n[6], n[7], n[8]) * -0.5
    let radius = 1 + center.dot(shape * center)
    guard radius > 0, let root = (shape * (1 / radius)).symmetricSquareRoot else { return nil }
    // Axes that differ by half or a centre outside of the readings are no magnetometer's.
    let size = root.trace / 3
    let uneven = root * (1 / size) - .identity
    guard abs(uneven.row0.x) < 0.5, abs(uneven.row1.y) < 0.5, abs(uneven.row2.z) < 0.5 else { return nil }
    // Strength of the field, from the readings with the centre taken out.
    let strength = sample.map { (($0 - middle) / scale - center).length }.sorted()[sample.count / 2]
    let matrix = root * strength
    correction = AffineCorrection(matrix: matrix, offset: matrix * (center * scale + middle))
    guard Self.covers(sample, correction), Self.spread(sample, correction) < 0.06 else { return nil }
  }

  /// Whether the corrected readings point to all sides: a fit to a cap of the sphere says nothing of the rest.
  private static func covers(_ readings: [Vector3], _ correction: AffineCorrection) -> Bool {
    var scatter = Matrix3.zero
    for reading in readings {
      guard let d = correction(reading).normalized else { return false }
      scatter += Matrix3(d * d.x, d * d.y, d * d.z) * (1 / Double(readings.count))
    }
    // The smallest eigenvalue of an even scatter is a third.
    return scatter.determinant > 0.003
  }

  /// Relative spread of the corrected field's strength.
  public static func spread(_ readings: [Vector3], _ correction: AffineCorrection) -> Double {
    let lengths = readings.map { correction($0).length }
    let mean = lengths.reduce(0, +) / Double(max(1, lengths.count))
    let square = lengths.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, lengths.count))
    return mean > 0 ? square.squareRoot() / mean : .infinity
  }
}

extension Matrix3 {
  /// The symmetric positive definite root of a symmetric positive definite matrix, by the iteration of Denman and
  /// Beavers (1976); nil when there is none.
  var symmetricSquareRoot: Matrix3? {
    guard row0.x > 0, row0.x * row1.y - row0.y * row1.x > 0, determinant > 0 else { return nil }
    var root = self
    var other = Matrix3.identity
    for _ in 0..<40 {
      guard let a = root.inverse, let b = other.inverse else { return nil }
      (root, other) = ((root + b) * 0.5, (other + a) * 0.5)
    }
    return root.isFinite ? root : nil
  }
}
