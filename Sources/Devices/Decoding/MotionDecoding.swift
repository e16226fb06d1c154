import Sensing
import Spatial

/// Vectors with their scale and limits, and orientations that the device computes.
extension PartDecoder {
  /// Limits of plausible values; a report with larger ones is rejected.
  static let maximumRate = 1000.0  // rad/s; the fastest MEMS gyroscope ends at 70
  static let maximumForce = 10_000.0  // m/s²; the strongest MEMS accelerometer ends at 4,000
  static let maximumDistance = 100.0  // m; no device that reports its position covers more
  static let maximumField = 100_000.0  // µT

  @inline(__always)
  func vector(
    _ layout: ReportLayout.Vector, _ report: UnsafeRawBufferPointer, base: Int, limit: Double,
    _ reportID: UInt8, saturated: inout Bool
  ) throws(DecodeError) -> Vector3 {
    var raw = Vector3(
      layout.x.value(report, base: base), layout.y.value(report, base: base),
      layout.z.value(report, base: base))
    if layout.mean > 1 {
      for index in 1..<layout.mean {
        let place = base + index * layout.step
        raw += Vector3(
          layout.x.value(report, base: place), layout.y.value(report, base: place),
          layout.z.value(report, base: place))
      }
      raw /= Double(layout.mean)
    }
    var scaled = raw * layout.scale
    if let ratio = layout.ratio {
      scaled *= ratio.multiplier.value(report, base: base) / ratio.divisor.value(report, base: base)
    }
    guard scaled.isFinite else {
      throw DecodeError(.notFinite, reportID: reportID, offset: base + layout.x.byte)
    }
    guard abs(scaled.x) <= limit, abs(scaled.y) <= limit, abs(scaled.z) <= limit else {
      throw DecodeError(.implausible, reportID: reportID, offset: base + layout.x.byte)
    }
    if raw.x <= layout.low || raw.y <= layout.low || raw.z <= layout.low || raw.x >= layout.high
      || raw.y >= layout.high || raw.z >= layout.high
    {
      saturated = true
    }
    return layout.axes(scaled)
  }

  func decodeOrientation(
    _ index: Int, _ report: UnsafeRawBufferPointer, reportID: UInt8, _ received: Timestamp,
    _ batch: SampleBatch
  ) throws(DecodeError) {
    let orientation: Quaternion
    var rate: Vector3?
    var position: Vector3?
    var reference: UInt32 = 0
    var offset = 0
    do {
      guard let layout = layouts[index].orientation else { return }
      offset = layout.fields[0].byte
      let v = Vector3(
        layout.fields[0].value(report, base: 0), layout.fields[1].value(report, base: 0),
        layout.fields[2].value(report, base: 0))
      switch layout.form {
      case .quaternion:
        let w = layout.fields[3].value(report, base: 0)
        let q = SIMD4(v.x, v.y, v.z, w) * layout.scale
        let length = (q * q).sum().squareRoot()
        guard length.isFinite else { throw DecodeError(.notFinite, reportID: reportID, offset: offset) }
        guard length > 0.5, length < 2 else {
          throw DecodeError(.implausible, reportID: reportID, offset: offset)
        }
        orientation =
          (Quaternion(vector: layout.axes(Vector3(q.x, q.y, q.z)), w: q.w) * layout.mounting).normalized
      case .rotationVector:
        let turned = layout.axes(v * layout.scale)
        guard turned.isFinite else { throw DecodeError(.notFinite, reportID: reportID, offset: offset) }
        guard turned.length < 100 else {
          throw DecodeError(.implausible, reportID: reportID, offset: offset)
        }
        orientation = Quaternion(rotationVector: turned)
      }
      if let angular = layout.angularVelocity {
        var ignored = false
        rate = try vector(
          angular, report, base: 0, limit: Self.maximumRate, reportID, saturated: &ignored)
      }
      if let place = layout.position {
        var ignored = false
        position = try vector(
          place, report, base: 0, limit: Self.maximumDistance, reportID, saturated: &ignored)
      }
      if let field = layout.reference { reference = UInt32(truncatingIfNeeded: field.bits(report, base: 0)) }
    }
    let ticks = layouts[index].clock.map { $0.field.bits(report, base: 0) }
    batch.set(
      OrientationSample(
        received: received, deviceTicks: ticks, worldFromDevice: orientation, angularVelocity: rate,
        referenceCounter: reference, position: position))
  }
}
