import Glibc

/// A rotation as a unit quaternion (x, y, z, w), in the memory order of `XrQuaternionf`.
///
/// `parentFromChild` rotates a vector given in the child's frame into the parent's frame; products read
/// like matrix products: `aFromB * bFromC == aFromC`.
@frozen
public struct Quaternion: Hashable, Sendable, BitwiseCopyable {
  // Plain doubles, for the reason that `Vector3` states.
  public var x: Double
  public var y: Double
  public var z: Double
  public var w: Double

  @inlinable @inline(__always)
  public init(x: Double, y: Double, z: Double, w: Double) {
    self.x = x
    self.y = y
    self.z = z
    self.w = w
  }

  @inlinable @inline(__always)
  public init(_ components: SIMD4<Double>) {
    self.init(x: components.x, y: components.y, z: components.z, w: components.w)
  }

  @inlinable @inline(__always)
  public init(vector: Vector3, w: Double) { self.init(x: vector.x, y: vector.y, z: vector.z, w: w) }

  /// The components in memory order, for arithmetic on all four; no storage.
  @inlinable
  public var components: SIMD4<Double> {
    @inline(__always) get { SIMD4(x, y, z, w) }
    @inline(__always) set { (x, y, z, w) = (newValue.x, newValue.y, newValue.z, newValue.w) }
  }

  @inlinable public var vector: Vector3 { Vector3(x, y, z) }

  public static let identity = Quaternion(x: 0, y: 0, z: 0, w: 1)

  /// The rotation by `angle` radians about `axis` (any length); the identity for a zero axis.
  public init(angle: Double, axis: Vector3) {
    guard let unit = axis.normalized else {
      self = .identity
      return
    }
    self.init(vector: unit * sin(angle / 2), w: cos(angle / 2))
  }

  /// The rotation whose axis and angle are those of `vector` (radians): the exponential map.
  @inlinable
  public init(rotationVector vector: Vector3) {
    let squaredAngle = vector.squaredLength
    let scale: Double
    let w: Double
    if squaredAngle < 0.04 {
      // Taylor series: for |v| < 0.2 rad the next terms are below 1e-16.
      let s = squaredAngle
      scale = 0.5 - s * (1.0 / 48 - s * (1.0 / 3840 - s * (1.0 / 645_120 - s * (1.0 / 185_794_560))))
      w = 1 - s * (1.0 / 8 - s * (1.0 / 384 - s * (1.0 / 46_080 - s * (1.0 / 10_321_920))))
    } else {
      let angle = squaredAngle.squareRoot()
      scale = sin(angle / 2) / angle
      w = cos(angle / 2)
    }
    self.init(vector: vector * scale, w: w)
  }

  /// Axis times angle in radians, the angle in 0...π: the logarithm of the rotation.
  public var rotationVector: Vector3 {
    let q = w < 0 ? -components : components
    let v = Vector3(q.x, q.y, q.z)
    let sine = v.length
    guard sine > 1e-12 else { return 2 * v }
    return v * (2 * atan2(sine, q.w) / sine)
  }

  /// The shortest rotation that turns direction `from` into direction `to`.
  ///
  /// For opposite directions the axis is arbitrary; for a zero vector the result is the identity.
  public init(from: Vector3, to: Vector3) {
    guard let a = from.normalized, let b = to.normalized else {
      self = .identity
      return
    }
    let w = 1 + a.dot(b)
    if w < 1e-12 {
      let axis = abs(a.x) < 0.9 ? a.cross(Vector3(1, 0, 0)) : a.cross(Vector3(0, 1, 0))
      self.init(angle: .pi, axis: axis)
    } else {
      self = Quaternion(vector: a.cross(b), w: w).normalized
    }
  }

  @inlinable
  public static func * (l: Quaternion, r: Quaternion) -> Quaternion {
    Quaternion(
      x: l.w * r.x + l.x * r.w + l.y * r.z - l.z * r.y,
      y: l.w * r.y - l.x * r.z + l.y * r.w + l.z * r.x,
      z: l.w * r.z + l.x * r.y - l.y * r.x + l.z * r.w,
      w: l.w * r.w - l.x * r.x - l.y * r.y - l.z * r.z)
  }

  /// The inverse rotation of a unit quaternion.
  @inlinable
  public var conjugate: Quaternion { Quaternion(components * SIMD4(-1, -1, -1, 1)) }

  /// Rotates a vector: v + 2w(u×v) + 2u×(u×v).
  @inlinable
  public func rotate(_ v: Vector3) -> Vector3 {
    let u = vector
    let t = 2 * u.cross(v)
    return v + w * t + u.cross(t)
  }

  /// The rotation as a matrix.
  @inlinable
  public var matrix: Matrix3 {
    let d = components + components
    let (xx, yy, zz) = (x * d.x, y * d.y, z * d.z)
    let (xy, xz, yz) = (x * d.y, x * d.z, y * d.z)
    let (wx, wy, wz) = (w * d.x, w * d.y, w * d.z)
    return Matrix3(
      Vector3(1 - yy - zz, xy - wz, xz + wy), Vector3(xy + wz, 1 - xx - zz, yz - wx),
      Vector3(xz - wy, yz + wx, 1 - xx - yy))
  }

  /// The quaternion of length one with the same direction; the identity when there is none.
  @inlinable
  public var normalized: Quaternion {
    let length = (components * components).sum().squareRoot()
    return length > 0 && length.isFinite ? Quaternion(components / length) : .identity
  }

  /// Length one again after a product of two unit quaternions: one Newton step, exact to rounding as long as the
  /// length is within 1e-8 of one.
  @inlinable
  public var renormalized: Quaternion {
    Quaternion(components * (1.5 - 0.5 * (components * components).sum()))
  }

  @inlinable
  public var isFinite: Bool { x.isFinite && y.isFinite && z.isFinite && w.isFinite }

  /// Of length one, to one part in a hundred: as those are that people and programs hand over.
  public var isUnit: Bool { abs((components * components).sum() - 1) < 0.02 }

  /// The angle in radians, 0...π, of the rotation that separates the two.
  public func angle(to other: Quaternion) -> Double { (conjugate * other).rotationVector.length }

  /// The rotation a fraction of the way to `other` along the shortest arc; fractions outside 0...1
  /// extrapolate.
  public func interpolated(to other: Quaternion, fraction: Double) -> Quaternion {
    (self * Quaternion(rotationVector: (conjugate * other).rotationVector * fraction)).normalized
  }
}
