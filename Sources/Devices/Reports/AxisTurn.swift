import Spatial

/// A signed exchange of axes: device axes to OpenXR axes.
public struct AxisTurn: Sendable, Hashable {
  /// For each output axis the input axis 0...2 and its sign.
  var source: SIMD3<Int8>
  var sign: Vector3

  public static let identity = AxisTurn(source: SIMD3(0, 1, 2), sign: Vector3(1, 1, 1))

  public func callAsFunction(_ v: Vector3) -> Vector3 {
    Vector3(v[Int(source.x)] * sign.x, v[Int(source.y)] * sign.y, v[Int(source.z)] * sign.z)
  }

  /// Back from OpenXR axes to the device's.
  package func inverse(_ v: Vector3) -> Vector3 {
    var result = Vector3.zero
    for axis in 0..<3 { result[Int(source[axis])] = v[axis] * sign[axis] }
    return result
  }

  public var matrix: Matrix3 {
    Matrix3(self.row(0), self.row(1), self.row(2))
  }

  private func row(_ axis: Int) -> Vector3 {
    var row = Vector3.zero
    row[Int(source[axis])] = sign[axis]
    return row
  }

  /// +1 for a rotation, −1 for a mirror.
  public var determinant: Double { matrix.determinant }
}
