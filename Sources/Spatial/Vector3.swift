/// Three components in one frame of reference; the unit is stated where it is used.
public typealias Vector3 = SIMD3<Double>

extension SIMD3 where Scalar == Double {
  @inlinable
  public func dot(_ other: Self) -> Double { (self * other).sum() }

  @inlinable
  public func cross(_ other: Self) -> Self {
    Self(
      y * other.z - z * other.y,
      z * other.x - x * other.z,
      x * other.y - y * other.x)
  }

  @inlinable
  public var squaredLength: Double { dot(self) }

  @inlinable
  public var length: Double { dot(self).squareRoot() }

  @inlinable
  public var isFinite: Bool { x.isFinite && y.isFinite && z.isFinite }

  /// The vector of length one in this direction, or nil when there is no direction.
  @inlinable
  public var normalized: Self? {
    let length = self.length
    return length > 0 && length.isFinite ? self / length : nil
  }
}
