import Sensing
import Spatial

/// Strength and dip of the magnetic field around the device, learned as it goes.
struct FieldReference: Sendable {
  /// µT, the horizontal part and the part along +Y (negative where the field points down).
  private(set) var horizontal = 0.0
  private(set) var vertical = 0.0
  private var learnedTime = 0.0
  private var isStarted = false
  private var sum = Vector3.zero

  /// Seconds whose mean gives the first heading.
  static let startTime = 0.3

  mutating func archive(_ archive: StateArchive) {
    archive.code(&horizontal)
    archive.code(&vertical)
    archive.code(&learnedTime)
    archive.code(&isStarted)
    archive.code(&sum)
  }

  /// While the first heading is sought: what is known so far. Nil afterwards.
  mutating func start(with measured: Vector3, time: Double) -> (isComplete: Bool, mean: Vector3)? {
    if isStarted { return nil }
    sum += measured * time
    learnedTime += time
    let mean = sum / learnedTime
    guard learnedTime >= Self.startTime else { return (false, mean) }
    isStarted = true
    // At a pole of the earth or beside a magnet there may be no horizontal part at all.
    horizontal = max(1, (mean.x * mean.x + mean.z * mean.z).squareRoot())
    vertical = mean.y
    return (true, mean)
  }

  var strength: Double { (horizontal * horizontal + vertical * vertical).squareRoot() }

  /// µT between the measured field and the reference, whatever the heading.
  func distance(_ measured: Vector3, _ measuredHorizontal: Double) -> Double {
    let across = measuredHorizontal - horizontal
    let along = measured.y - vertical
    return (across * across + along * along).squareRoot()
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
