import Sensing
import Spatial

extension TwoPointDescription {
  /// The correction in OpenXR axes, relative to the nominal scales of the part, or nil when the reply can't be
  /// true (clones answer zeros): a span near none would blow every reading up.
  func calibration(
    reply: [UInt8], gyroscopeScale: Double, accelerometerScale: Double, axes: AxisTurn
  ) -> InertialCalibration? {
    func value(_ place: Int) -> Double? {
      guard place + number.size <= reply.count else { return nil }
      let raw = reply[place..<(place + number.size)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      switch number {
      case .i16: return Double(Int16(truncatingIfNeeded: raw))
      case .o16: return Double(raw) - 0x8000
      // In readings of the nominal scale, as the others are.
      case .f32: return Double(Float(bitPattern: raw)) * standardGravity / accelerometerScale
      }
    }
    func vector(_ offsets: [Int]) -> Vector3? {
      guard offsets.count == 3, let x = value(offsets[0]), let y = value(offsets[1]),
        let z = value(offsets[2])
      else { return nil }
      return Vector3(x, y, z)
    }
    var calibration = InertialCalibration(source: .factory)
    if !gyroscopePlus.isEmpty {
      guard let plus = vector(gyroscopePlus), let bias = vector(gyroscopeBias) else { return nil }
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
      let gain = speed / span / gyroscopeScale
      guard all(span .> 1000), speed > 1.7, all(gain .> 0.5), all(gain .< 2) else { return nil }
      // DualSense and DualShock 4 have taken it off already (Linux hid-playstation subtracts none).
      let rest = subtractsBias ? bias * (speed / span) : .zero
      calibration.gyroscope = AffineCorrection(matrix: .diagonal(gain), offset: rest)
    }
    guard let high = vector(accelerometerPlus) else { return nil }
    var span: Vector3
    var rest = Vector3.zero
    if accelerometerMinus.isEmpty {
      // Readings without a second side are of the gain alone (Linux hid-nintendo subtracts no offset from them).
      guard let bias = vector(accelerometerBias) else { return nil }
      span = high - bias
    } else {
      guard let low = vector(accelerometerMinus) else { return nil }
      span = (high - low) / 2
      rest = (high + low) / 2
    }
    let gain = accelerometerReference / span
    let ratio = gain / accelerometerScale
    guard all(span .> 2000), all(ratio .> 0.5), all(ratio .< 2) else { return nil }
    calibration.accelerometer = AffineCorrection(matrix: .diagonal(ratio), offset: rest * gain)
    calibration.gyroscope = calibration.gyroscope.turned(by: axes.matrix)
    calibration.accelerometer = calibration.accelerometer.turned(by: axes.matrix)
    return calibration
  }
}

private func abs3(_ v: Vector3) -> Vector3 { Vector3(abs(v.x), abs(v.y), abs(v.z)) }
