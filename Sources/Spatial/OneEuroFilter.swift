/// A quantity that `OneEuroFilter` smooths: a point of a space with tangent vectors of at most three components.
public protocol OneEuroQuantity: Sendable {
  /// The tangent vector that leads from `earlier` to this value.
  func difference(from earlier: Self) -> Vector3
  /// The value at the end of a tangent vector.
  func moved(by difference: Vector3) -> Self
}

extension Double: OneEuroQuantity {
  public func difference(from earlier: Double) -> Vector3 { Vector3(self - earlier, 0, 0) }
  public func moved(by difference: Vector3) -> Double { self + difference.x }
}

extension Vector3: OneEuroQuantity {
  public func difference(from earlier: Vector3) -> Vector3 { self - earlier }
  public func moved(by difference: Vector3) -> Vector3 { self + difference }
}

extension Quaternion: OneEuroQuantity {
  /// The rotation vector of the shortest arc, in radians, in the frame of `earlier`.
  public func difference(from earlier: Quaternion) -> Vector3 { (earlier.conjugate * self).rotationVector }
  public func moved(by difference: Vector3) -> Quaternion {
    (self * Quaternion(rotationVector: difference)).normalized
  }
}

/// A low-pass filter whose cutoff frequency rises with speed: it removes jitter at rest and adds little lag in motion.
///
/// Casiez, Roussel and Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems",
/// CHI 2012, doi 10.1145/2207676.2208639.
public struct OneEuroFilter<Value: OneEuroQuantity>: Sendable {
  /// Cutoff frequency at rest, in hertz.
  public let minimumCutoff: Double
  /// Increase of the cutoff frequency per unit of speed, in hertz per (unit/s).
  public let beta: Double
  /// Cutoff frequency of the speed, in hertz.
  public let speedCutoff: Double

  private var last: (value: Value, time: Timestamp)?
  private var velocity = Vector3.zero

  /// A gap of this many seconds restarts the filter.
  private static var longestGap: Double { 1 }

  public init(minimumCutoff: Double, beta: Double, speedCutoff: Double = 1) {
    self.minimumCutoff = minimumCutoff
    self.beta = beta
    self.speedCutoff = speedCutoff
  }

  /// Returns the filtered value. The first value, and the first after a gap, pass unchanged; a value that is not newer
  /// than the last is ignored.
  public mutating func update(_ new: Value, at time: Timestamp) -> Value {
    guard let last, time.seconds(since: last.time) < Self.longestGap else {
      last = (new, time)
      velocity = .zero
      return new
    }
    let step = time.seconds(since: last.time)
    guard step > 0 else { return last.value }
    let difference = new.difference(from: last.value)
    velocity += (difference / step - velocity) * Self.weight(cutoff: speedCutoff, step)
    let cutoff = minimumCutoff + beta * velocity.length
    let filtered = last.value.moved(by: difference * Self.weight(cutoff: cutoff, step))
    self.last = (filtered, time)
    return filtered
  }

  /// The weight of a new value in an exponential low-pass filter.
  private static func weight(cutoff: Double, _ step: Double) -> Double {
    let ratio = 2 * .pi * cutoff * step
    return ratio / (ratio + 1)
  }
}
