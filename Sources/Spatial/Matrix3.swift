/// A 3×3 matrix by rows.
public struct Matrix3: Hashable, Sendable {
  public var rows: (Vector3, Vector3, Vector3) { (row0, row1, row2) }
  public var row0: Vector3
  public var row1: Vector3
  public var row2: Vector3

  @inlinable
  public init(_ row0: Vector3, _ row1: Vector3, _ row2: Vector3) {
    self.row0 = row0
    self.row1 = row1
    self.row2 = row2
  }

  @inlinable
  public static var zero: Matrix3 { Matrix3(.zero, .zero, .zero) }
  @inlinable
  public static var identity: Matrix3 { Matrix3(Vector3(1, 0, 0), Vector3(0, 1, 0), Vector3(0, 0, 1)) }

  @inlinable
  public static func diagonal(_ d: Vector3) -> Matrix3 {
    Matrix3(Vector3(d.x, 0, 0), Vector3(0, d.y, 0), Vector3(0, 0, d.z))
  }

  /// The matrix that multiplies from the left like `vector.cross`.
  @inlinable
  public static func cross(_ v: Vector3) -> Matrix3 {
    Matrix3(Vector3(0, -v.z, v.y), Vector3(v.z, 0, -v.x), Vector3(-v.y, v.x, 0))
  }

  @inlinable
  public static func + (left: Matrix3, right: Matrix3) -> Matrix3 {
    Matrix3(left.row0 + right.row0, left.row1 + right.row1, left.row2 + right.row2)
  }

  @inlinable
  public static func - (left: Matrix3, right: Matrix3) -> Matrix3 {
    Matrix3(left.row0 - right.row0, left.row1 - right.row1, left.row2 - right.row2)
  }

  @inlinable
  public static func * (matrix: Matrix3, factor: Double) -> Matrix3 {
    Matrix3(matrix.row0 * factor, matrix.row1 * factor, matrix.row2 * factor)
  }

  @inlinable
  public static func += (left: inout Matrix3, right: Matrix3) { left = left + right }

  @inlinable
  public static func -= (left: inout Matrix3, right: Matrix3) { left = left - right }

  @inlinable
  public static func * (matrix: Matrix3, vector: Vector3) -> Vector3 {
    Vector3(matrix.row0.dot(vector), matrix.row1.dot(vector), matrix.row2.dot(vector))
  }

  @inlinable @inline(__always)
  public static func * (left: Matrix3, right: Matrix3) -> Matrix3 {
    // Rows as sums of rows: no shuffles between lanes.
    func row(_ a: Vector3) -> Vector3 { right.row0 * a.x + right.row1 * a.y + right.row2 * a.z }
    return Matrix3(row(left.row0), row(left.row1), row(left.row2))
  }

  /// `transposed * other`, without the shuffles of transposing.
  @inlinable @inline(__always)
  public func transposed(times other: Matrix3) -> Matrix3 {
    Matrix3(
      other.row0 * row0.x + other.row1 * row1.x + other.row2 * row2.x,
      other.row0 * row0.y + other.row1 * row1.y + other.row2 * row2.y,
      other.row0 * row0.z + other.row1 * row1.z + other.row2 * row2.z)
  }

  /// `transposed * vector`.
  @inlinable
  public func transposed(times vector: Vector3) -> Vector3 {
    row0 * vector.x + row1 * vector.y + row2 * vector.z
  }

  @inlinable
  public var transposed: Matrix3 {
    Matrix3(
      Vector3(row0.x, row1.x, row2.x), Vector3(row0.y, row1.y, row2.y), Vector3(row0.z, row1.z, row2.z))
  }

  @inlinable
  public var trace: Double { row0.x + row1.y + row2.z }

  @inlinable
  public var isFinite: Bool { row0.isFinite && row1.isFinite && row2.isFinite }

  @inlinable
  public var determinant: Double { row0.dot(row1.cross(row2)) }

  /// The inverse, or nil when the matrix is singular or not finite.
  @inlinable
  public var inverse: Matrix3? {
    let determinant = self.determinant
    guard determinant.isFinite, abs(determinant) > 1e-300 else { return nil }
    let columns = Matrix3(row1.cross(row2), row2.cross(row0), row0.cross(row1)).transposed
    return Matrix3(columns.row0 / determinant, columns.row1 / determinant, columns.row2 / determinant)
  }

  /// The matrix that turns as the quaternion does.
  public init(rotating rotation: Quaternion) {
    self =
      Matrix3(
        rotation.rotate(Vector3(1, 0, 0)), rotation.rotate(Vector3(0, 1, 0)),
        rotation.rotate(Vector3(0, 0, 1))
      ).transposed
  }

  /// The rotation that this matrix is; nil when it is none (mirrors, scales).
  public var rotation: Quaternion? {
    let rest = self * transposed - .identity
    guard isFinite, determinant > 0,
      max(rest.row0.squaredLength, rest.row1.squaredLength, rest.row2.squaredLength) < 1e-6
    else { return nil }
    // The largest of the four components is found first: dividing by a small one loses digits (Shepperd, 1978).
    let (a, b, c) = (row0.x, row1.y, row2.z)
    let squares = SIMD4(1 + a - b - c, 1 - a + b - c, 1 - a - b + c, 1 + a + b + c)
    let largest = squares.max()
    let (x, y, z) = (row2.y - row1.z, row0.z - row2.x, row1.x - row0.y)
    let (xy, xz, yz) = (row0.y + row1.x, row0.z + row2.x, row1.z + row2.y)
    let components: SIMD4<Double> =
      if largest == squares.w { SIMD4(x, y, z, largest) } else if largest == squares.x {
        SIMD4(largest, xy, xz, x)
      } else if largest == squares.y { SIMD4(xy, largest, yz, y) } else { SIMD4(xz, yz, largest, z) }
    return Quaternion(components).normalized
  }
}
