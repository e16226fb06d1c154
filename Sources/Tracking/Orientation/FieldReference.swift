import Sensing
import Spatial

/// Strength and dip of the magnetic field around the device, learned as it goes, and how well the field keeps to them.
struct FieldReference: Sendable {
  /// µT, the horizontal part and the part along +Y (negative where the field points down).
  private(set) var horizontal = 0.0
  private(set) var vertical = 0.0
  /// µT²: squared deviation from the reference lately.
  private var deviation = 0.0
  private var deviationTime = 0.0
  private var learnedTime = 0.0
  private var isAligned = false
  private var sum = Vector3.zero

  /// Seconds whose mean gives the first heading. The field where a device lies, on steel or beside a magnet, is a
  /// worse north than the mean over the first movements.
  static let alignmentTime = 2.0

  mutating func archive(_ archive: StateArchive) {
    archive.code(&horizontal)
    archive.code(&vertical)
    archive.code(&deviation)
    archive.code(&deviationTime)
    archive.code(&learnedTime)
    archive.code(&isAligned)
    archive.code(&sum)
  }

  /// While the first heading is sought: the mean of all that was measured so far. Nil afterwards.
  mutating func align(with measured: Vector3, time: Double, spread: Double) -> Vector3? {
    if isAligned { return nil }
    sum += measured * time
    learnedTime += time
    let mean = sum / learnedTime
    isAligned = learnedTime >= Self.alignmentTime
    // At a pole of the earth or beside a magnet there may be no horizontal part at all.
    horizontal = max(1, (mean.x * mean.x + mean.z * mean.z).squareRoot())
    vertical = mean.y
    // So few seconds are no measure of how even the field is: twice what is usual, until more was seen.
    deviation = 4 * spread * spread
    deviationTime = learnedTime
    return mean
  }

  /// Turns the axes that the measured fields are given in.
  mutating func turn(by heading: Quaternion) { sum = heading.rotate(sum) }

  var strength: Double { squaredLimit.squareRoot() }

  /// µT²: a field that is further off than it is strong is a magnet's, whatever the room is like.
  var squaredLimit: Double { horizontal * horizontal + vertical * vertical }

  /// µT² between the measured field and the reference, whatever the heading.
  func squaredDistance(_ measured: Vector3, _ measuredHorizontal: Double) -> Double {
    let across = measuredHorizontal - horizontal
    let along = measured.y - vertical
    return across * across + along * along
  }

  /// Updates the deviation with a squared distance and returns the expected squared deviation from the reference, µT².
  mutating func expected(_ squaredDistance: Double, time: Double, memory: Double, spread: Double) -> Double {
    // A single magnet that comes near is not how uneven the room is: no more of it counts than this.
    let seen = min(squaredDistance, squaredLimit)
    deviationTime = min(deviationTime, memory) + time
    deviation += (seen - deviation) * (time / deviationTime)
    return spread * spread + deviation
  }

  /// A mean over all that was seen, later over the last `memory` seconds.
  mutating func learn(
    _ measured: Vector3, _ measuredHorizontal: Double, time: Double, memory: Double, weight: Double
  ) {
    learnedTime = min(learnedTime + time, memory)
    let gain = weight * time / (learnedTime + time)
    horizontal = max(1, horizontal + (measuredHorizontal - horizontal) * gain)
    vertical += (measured.y - vertical) * gain
  }
}
