/// Three components in one frame of reference; the unit is stated where it is used.
///
/// Stored as three plain doubles (8-byte alignment). `SIMD3<Double>` is aligned to 32 bytes, and Swift 6.3 frees values of
/// that alignment at a wrong address when an async closure captures them in an unoptimised build.
@frozen
public struct Vector3: Hashable, Sendable, BitwiseCopyable {
  public var x: Double
  public var y: Double
  public var z: Double

  @inlinable @inline(__always)
  public init(_ x: Double, _ y: Double, _ z: Double) {
    self.x = x
    self.y = y
    self.z = z
  }

  @inlinable @inline(__always)
  public init(x: Double, y: Double, z: Double) { self.init(x, y, z) }

  @inlinable @inline(__always)
  public init(repeating value: Double) { self.init(value, value, value) }

  @inlinable public static var zero: Vector3 { Vector3(0, 0, 0) }

  /// The component along the axis with the index, 0 to 2.
  @inlinable
  public subscript(index: Int) -> Double {
    @inline(__always) get {
      precondition(index >= 0 && index < 3, "a vector has the components 0, 1 and 2")
      return index == 0 ? x : index == 1 ? y : z
    }
    @inline(__always) set {
      precondition(index >= 0 && index < 3, "a vector has the components 0, 1 and 2")
      if index == 0 { x = newValue } else if index == 1 { y = newValue } else { z = newValue }
    }
  }

  @inlinable @inline(__always)
  public static prefix func - (v: Vector3) -> Vector3 { Vector3(-v.x, -v.y, -v.z) }

  @inlinable @inline(__always)
  public static func + (l: Vector3, r: Vector3) -> Vector3 { Vector3(l.x + r.x, l.y + r.y, l.z + r.z) }

  @inlinable @inline(__always)
  public static func - (l: Vector3, r: Vector3) -> Vector3 { Vector3(l.x - r.x, l.y - r.y, l.z - r.z) }

  /// The product of each component with the other's.
  @inlinable @inline(__always)
  public static func * (l: Vector3, r: Vector3) -> Vector3 { Vector3(l.x * r.x, l.y * r.y, l.z * r.z) }

  /// The quotient of each component and the other's.
  @inlinable @inline(__always)
  public static func / (l: Vector3, r: Vector3) -> Vector3 { Vector3(l.x / r.x, l.y / r.y, l.z / r.z) }

  @inlinable @inline(__always)
  public static func * (v: Vector3, factor: Double) -> Vector3 {
    Vector3(v.x * factor, v.y * factor, v.z * factor)
  }

  @inlinable @inline(__always)
  public static func * (factor: Double, v: Vector3) -> Vector3 {
    Vector3(factor * v.x, factor * v.y, factor * v.z)
  }

  @inlinable @inline(__always)
  public static func / (v: Vector3, divisor: Double) -> Vector3 {
    Vector3(v.x / divisor, v.y / divisor, v.z / divisor)
  }

  @inlinable @inline(__always)
  public static func += (l: inout Vector3, r: Vector3) { l = l + r }

  @inlinable @inline(__always)
  public static func -= (l: inout Vector3, r: Vector3) { l = l - r }

  @inlinable @inline(__always)
  public static func *= (l: inout Vector3, r: Vector3) { l = l * r }

  @inlinable @inline(__always)
  public static func *= (l: inout Vector3, factor: Double) { l = l * factor }

  @inlinable @inline(__always)
  public static func /= (l: inout Vector3, divisor: Double) { l = l / divisor }

  @inlinable @inline(__always)
  public func sum() -> Double { x + y + z }

  /// Whether each component lies between two bounds, which do not count; false for NaN.
  @inlinable
  public func isBetween(_ low: Double, _ high: Double) -> Bool {
    x > low && x < high && y > low && y < high && z > low && z < high
  }

  /// The smaller of each pair of components.
  @inlinable
  public func componentMinimum(_ other: Vector3) -> Vector3 {
    Vector3(Swift.min(x, other.x), Swift.min(y, other.y), Swift.min(z, other.z))
  }

  /// The larger of each pair of components.
  @inlinable
  public func componentMaximum(_ other: Vector3) -> Vector3 {
    Vector3(Swift.max(x, other.x), Swift.max(y, other.y), Swift.max(z, other.z))
  }

  @inlinable public func min() -> Double { Swift.min(x, y, z) }
  @inlinable public func max() -> Double { Swift.max(x, y, z) }

  @inlinable @inline(__always)
  public func dot(_ other: Vector3) -> Double { x * other.x + y * other.y + z * other.z }

  @inlinable
  public func cross(_ other: Vector3) -> Vector3 {
    Vector3(
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
  public var normalized: Vector3? {
    let length = self.length
    return length > 0 && length.isFinite ? self / length : nil
  }
}

extension SIMD3 where Scalar == Float {
  /// The vector in single precision.
  @inlinable
  public init(_ vector: Vector3) { self.init(Float(vector.x), Float(vector.y), Float(vector.z)) }
}
