import Glibc
import Spatial

/// The magnetometer: north from the first fields, later corrections of heading.
extension OrientationFilter {
  mutating func observeField(_ measured: Vector3, _ time: Double) {
    guard let mean = field.align(with: measured, time: time, spread: settings.fieldSpread) else {
      return observeHeading(measured, time)
    }
    // The direction of the horizontal field becomes −Z.
    let heading = Quaternion(angle: atan2(mean.x, -mean.z), axis: Vector3(0, 1, 0))
    field.turn(by: heading)
    worldFromDevice = (heading * worldFromDevice).normalized
    trace?.turned(by: heading)
    velocity = heading.rotate(velocity)
    position = heading.rotate(position)
    lastForce = heading.rotate(lastForce)
    meanForce = heading.rotate(meanForce)
    errors.turn((Block.attitude, Block.velocity, Block.position), by: heading.matrix)
    errors.isolate(
      Block.attitude, component: 1, variance: Self.startingHeading * Self.startingHeading)
    isHeadingReferenced = true
  }

  private mutating func observeHeading(_ measured: Vector3, _ time: Double) {
    let horizontal = (measured.x * measured.x + measured.z * measured.z).squareRoot()
    guard horizontal > 0.05 * field.strength, horizontal > 1 else {
      isHeadingReferenced = false
      return
    }
    let squaredDistance = field.squaredDistance(measured, horizontal)
    let squaredSpread = field.expected(
      squaredDistance, time: time, memory: settings.deviationMemory, spread: settings.fieldSpread)
    // Squared: how many times further off than is tolerated, where a magnet is another thing than an uneven room.
    let excess =
      max(1, squaredDistance / (squaredSpread * settings.fieldTolerance * settings.fieldTolerance))
      * max(1, squaredDistance / field.squaredLimit)
    isHeadingReferenced = excess < 4 && squaredDistance < field.squaredLimit
    field.learn(measured, horizontal, time: time, memory: settings.fieldMemory, weight: 1 / excess)
    let variance =
      squaredSpread / (field.horizontal * field.horizontal) * max(1, 2 * settings.fieldCorrelation / time)
      * excess * excess
    // The field's east part, not the angle: what is added to the field from device or room then averages out.
    let east = measured.z < 0 ? measured.x : (measured.x < 0 ? -horizontal : horizontal)
    let correction = errors.observe(
      Block.attitude, component: 1, residual: east / field.horizontal, variance: variance,
      mask: [Vector3(0, 1, 0), Vector3(1, 1, 1), .zero, .zero, .zero, .zero, .zero, .zero])
    worldFromDevice =
      (Quaternion(rotationVector: correction[Block.attitude]) * worldFromDevice).normalized
    bias += correction[Block.bias]
    trace?.corrected(by: correction)
    headingCorrection += correction[Block.attitude].y
  }
}
