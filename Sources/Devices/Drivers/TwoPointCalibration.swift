import Sensing
import Spatial

extension TwoPointDescription {
  /// The correction in OpenXR axes, relative to the nominal scales of the part, or nil when the reply can't be
  /// true (clones answer zeros): a span near none would blow every reading up.
  func calibration(
    reply: [UInt8], gyroscopeScale: Double, accelerometerScale: Double, axes: AxisTurn
  ) -> InertialCalibration? {
    func value(_ offset: Int) -> Double? {
      guard offset + 1 < reply.count else { return nil }
      return Double(Int16(bitPattern: UInt16(reply[offset]) | UInt16(reply[offset + 1]) << 8))
    }
    func vector(_ offsets: [Int]) -> Vector3? {
      guard offsets.count == 3, let x = value(offsets[0]), let y = value(offsets[1]),
        let z = value(offsets[2])
      else { return nil }
      return Vector3(x, y, z)
    }
    guard let plus = vector(gyroscopePlus), let minus = vector(gyroscopeMinus),
      let bias = vector(gyroscopeBias), let first = value(gyroscopeSpeed[0]),
      let second = value(gyroscopeSpeed[1]), let high = vector(accelerometerPlus),
      let low = vector(accelerometerMinus)
    else { return nil }
    // The firmware has removed the bias already: Linux hid-playstation measures the span from it on either
    // side and subtracts none.
    let span = abs3(plus - bias) + abs3(minus - bias)
    let speed = first + second
    let gravitySpan = high - low
    guard all(span .> 1000), speed > 100, all(gravitySpan .> 4000) else { return nil }
    let gyroscopeGain = (speed * .pi / 180) / span / gyroscopeScale
    let accelerometerGain = (2 * standardGravity) / gravitySpan
    let middle = (high + low) / 2
    guard all(gyroscopeGain .> 0.5), all(gyroscopeGain .< 2) else { return nil }
    let ratio = accelerometerGain / accelerometerScale
    guard all(ratio .> 0.5), all(ratio .< 2) else { return nil }
    return InertialCalibration(
      gyroscope: AffineCorrection(matrix: .diagonal(gyroscopeGain)).turned(by: axes.matrix),
      accelerometer: AffineCorrection(matrix: .diagonal(ratio), offset: middle * accelerometerGain)
        .turned(by: axes.matrix),
      source: .factory)
  }
}

private func abs3(_ v: Vector3) -> Vector3 { Vector3(abs(v.x), abs(v.y), abs(v.z)) }
