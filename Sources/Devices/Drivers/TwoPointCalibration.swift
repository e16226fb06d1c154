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
      let raw = UInt16(reply[offset]) | UInt16(reply[offset + 1]) << 8
      return isOffsetBinary ? Double(raw) - 0x8000 : Double(Int16(bitPattern: raw))
    }
    func vector(_ offsets: [Int]) -> Vector3? {
      guard offsets.count == 3, let x = value(offsets[0]), let y = value(offsets[1]),
        let z = value(offsets[2])
      else { return nil }
      return Vector3(x, y, z)
    }
    guard let plus = vector(gyroscopePlus), let bias = vector(gyroscopeBias),
      let high = vector(accelerometerPlus), let low = vector(accelerometerMinus)
    else { return nil }
    // The span is measured from the bias, on either side where there are two.
    var span = abs3(plus - bias)
    if !gyroscopeMinus.isEmpty {
      guard let minus = vector(gyroscopeMinus) else { return nil }
      span += abs3(minus - bias)
    }
    var speed = (gyroscopeReference ?? 0) * (gyroscopeMinus.isEmpty ? 1 : 2)
    if gyroscopeReference == nil {
      guard gyroscopeSpeed.count == 2, let first = value(gyroscopeSpeed[0]),
        let second = value(gyroscopeSpeed[1])
      else { return nil }
      speed = (first + second) * .pi / 180
    }
    let gravitySpan = high - low
    guard all(span .> 1000), speed > 1.7, all(gravitySpan .> 4000) else { return nil }
    let gyroscopeGain = speed / span / gyroscopeScale
    // DualSense and DualShock 4 have taken it off already (Linux hid-playstation subtracts none).
    let rest = subtractsBias ? bias * (speed / span) : .zero
    let accelerometerGain = (2 * standardGravity) / gravitySpan
    let middle = (high + low) / 2
    guard all(gyroscopeGain .> 0.5), all(gyroscopeGain .< 2) else { return nil }
    let ratio = accelerometerGain / accelerometerScale
    guard all(ratio .> 0.5), all(ratio .< 2) else { return nil }
    return InertialCalibration(
      gyroscope: AffineCorrection(matrix: .diagonal(gyroscopeGain), offset: rest).turned(by: axes.matrix),
      accelerometer: AffineCorrection(matrix: .diagonal(ratio), offset: middle * accelerometerGain)
        .turned(by: axes.matrix),
      source: .factory)
  }
}

private func abs3(_ v: Vector3) -> Vector3 { Vector3(abs(v.x), abs(v.y), abs(v.z)) }
