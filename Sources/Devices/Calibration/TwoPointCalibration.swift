import Sensing
import Spatial

/// Factory calibration by readings at +reference and −reference on each axis.
public struct TwoPointDescription: Sendable {
  public enum Number: String, Sendable, CaseIterable {
    case i16
    /// Offset binary: 0x8000 means 0.
    case o16
    /// Of the accelerometer alone, in g.
    case f32

    var size: Int { self == .f32 ? 4 : 2 }
  }

  /// Feature reports or stored data that hold the values: the first of them that the device gave.
  public var sources: [(name: String, offset: Int)]
  public var number: Number
  /// Bytes of the little-endian values, in a feature report the id byte included. Empty where the maker measured no
  /// gyroscope.
  public var gyroscopePlus: [Int]
  /// Empty when the maker turned the unit one way only: the span is then from the bias.
  public var gyroscopeMinus: [Int]
  public var gyroscopeBias: [Int]
  /// Two speeds in °/s whose sum is the span between plus and minus; empty when `gyroscopeReference` is known.
  public var gyroscopeSpeed: [Int]
  /// Speed of each turn, rad/s, where the device does not say it.
  public var gyroscopeReference: Double?
  /// The readings contain the bias, which must be taken off.
  public var subtractsBias: Bool
  public var accelerometerPlus: [Int]
  /// Empty when there are readings one way only: the span is then from the bias.
  public var accelerometerMinus: [Int]
  public var accelerometerBias: [Int]
  /// m/s² between bias and plus.
  public var accelerometerReference: Double
}

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
      let gain = Vector3(repeating: speed) / span / gyroscopeScale
      guard span.isBetween(1000, .infinity), speed > 1.7, gain.isBetween(0.7, 1.4) else { return nil }
      // DualSense and DualShock 4 have taken it off already (Linux hid-playstation subtracts none).
      let rest = subtractsBias ? bias * (Vector3(repeating: speed) / span) : .zero
      // A gyroscope that turns by more than 60 °/s at rest is broken.
      guard rest.isBetween(-1, 1) else { return nil }
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
    let gain = Vector3(repeating: accelerometerReference) / span
    let ratio = gain / accelerometerScale
    // Half of gravity.
    guard span.isBetween(2000, .infinity), ratio.isBetween(0.7, 1.4), (rest * gain).isBetween(-5, 5) else {
      return nil
    }
    calibration.accelerometer = AffineCorrection(matrix: .diagonal(ratio), offset: rest * gain)
    calibration.gyroscope = calibration.gyroscope.turned(by: axes.matrix)
    calibration.accelerometer = calibration.accelerometer.turned(by: axes.matrix)
    return calibration
  }
}

private func abs3(_ v: Vector3) -> Vector3 { Vector3(abs(v.x), abs(v.y), abs(v.z)) }
