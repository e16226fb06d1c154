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

  public static let identity = Matrix3(Vector3(1, 0, 0), Vector3(0, 1, 0), Vector3(0, 0, 1))

  public static func diagonal(_ d: Vector3) -> Matrix3 {
    Matrix3(Vector3(d.x, 0, 0), Vector3(0, d.y, 0), Vector3(0, 0, d.z))
  }

  @inlinable
  public static func * (matrix: Matrix3, vector: Vector3) -> Vector3 {
    Vector3(matrix.row0.dot(vector), matrix.row1.dot(vector), matrix.row2.dot(vector))
  }

  @inlinable
  public static func * (left: Matrix3, right: Matrix3) -> Matrix3 {
    let t = right.transposed
    return Matrix3(t * left.row0, t * left.row1, t * left.row2)
  }

  @inlinable
  public var transposed: Matrix3 {
    Matrix3(
      Vector3(row0.x, row1.x, row2.x), Vector3(row0.y, row1.y, row2.y), Vector3(row0.z, row1.z, row2.z))
  }

  @inlinable
  public var determinant: Double { row0.dot(row1.cross(row2)) }

  /// The inverse, or nil when the matrix is singular or not finite.
  public var inverse: Matrix3? {
    let determinant = self.determinant
    guard determinant.isFinite, abs(determinant) > 1e-300 else { return nil }
    let columns = Matrix3(row1.cross(row2), row2.cross(row0), row0.cross(row1)).transposed
    return Matrix3(columns.row0 / determinant, columns.row1 / determinant, columns.row2 / determinant)
  }
}
