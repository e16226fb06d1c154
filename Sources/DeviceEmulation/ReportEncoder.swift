import Devices
import Sensing
import Spatial

/// Makes the reports that a device would send: the inverse of `PartDecoder`, from the same layouts.
public final class ReportEncoder {
  private let layouts: [ReportLayout]
  private let part: PartDescription
  private let controls: [Control]
  /// Undoes the correction that the bridge will apply.
  private let gyroscopeInverse: (Vector3) -> Vector3
  private let accelerometerInverse: (Vector3) -> Vector3
  private var sequence: UInt64 = 0
  private var turn = 0
  private var ring: [[UInt8]]
  private var pending: [(sample: InertialSample, ticks: UInt64, time: Double)] = []
  /// Samples collected in one report where the format allows several.
  public var samplesPerReport = 1 {
    didSet { samplesPerReport = max(1, samplesPerReport) }
  }

  public init(_ match: DeviceCatalog.Match, opened: OpenedPart, replies: [String: [UInt8]]) throws {
    part = match.part
    controls = match.description.controls
    var controlIndex: [String: Int] = [:]
    for (index, control) in controls.enumerated() { controlIndex[control.path] = index }
    var layouts: [ReportLayout] = []
    // The emulated device is in its full mode.
    for report in match.part.reports where !report.isSimple {
      layouts.append(
        try ReportLayout(
          report, replies: replies, controlIndex: controlIndex,
          descriptor: try HIDReportDescriptor(EmulatedDescriptor.bytes(for: match.part, pairing: nil))))
    }
    self.layouts = layouts
    ring = Array(repeating: [], count: layouts.count)
    guard let gyroscope = opened.calibration.gyroscope.matrix.inverse,
      let accelerometer = opened.calibration.accelerometer.matrix.inverse
    else { throw LayoutError(description: "the calibration can't be inverted") }
    let calibration = opened.calibration
    gyroscopeInverse = { gyroscope * ($0 + calibration.gyroscope.offset) }
    accelerometerInverse = { accelerometer * ($0 + calibration.accelerometer.offset) }
  }

  /// The largest error that rounding to the field's steps can make, per axis, rad/s and m/s²; nil where the part
  /// reports no samples.
  public var quantization: (rate: Double, force: Double)? {
    guard let layout = layouts.first(where: { $0.samples != nil }), let gyroscope = layout.gyroscope,
      let accelerometer = layout.accelerometer
    else { return nil }
    func step(_ vector: ReportLayout.Vector) -> Double {
      vector.scale * (vector.ratio.map { $0.usual.multiplier / $0.usual.divisor } ?? 1)
    }
    return (step(gyroscope) / 2, step(accelerometer) / 2)
  }

  /// Ticks of the part's clock at a time in seconds.
  private func ticks(_ layout: ReportLayout, at time: Double) -> UInt64 {
    guard let clock = layout.clock else { return 0 }
    let count = UInt64(max(0, (time * clock.rate).rounded()))
    return clock.bits >= 64 ? count : count & ((1 << UInt64(clock.bits)) - 1)
  }

  /// Adds one sample at `time` (seconds since the device started) and returns the reports that it completes.
  public func reports(
    rate: Vector3, force: Vector3, orientation: Quaternion, time: Double, controlValues: [Float]
  ) -> [[UInt8]] {
    var result: [[UInt8]] = []
    for index in layouts.indices {
      let layout = layouts[index]
      if case .virtual = layout.identifier {
        // One raw report for each sample; the other virtual reports ride on it.
        if layout.samples != nil || layout.orientation != nil, let join = part.driver?.emulation.join {
          result.append(
            join(
              virtualReports(
                rate: rate, force: force, orientation: orientation, time: time, controlValues: controlValues))
          )
        }
        continue
      }
      // A sample goes out once, in the first of the places that a report has for it; what takes turns in a report rides
      // on one of its samples.
      guard !isRepeated(index), carrier(of: index) == nil else { continue }
      var bytes = [UInt8](repeating: 0, count: layout.length)
      if case .numbered(let id) = layout.identifier { bytes[0] = id }
      if layout.samples != nil {
        guard let filled = fillSamples(index, bytes, rate: rate, force: force, time: time) else { continue }
        bytes = filled
      }
      if let optical = layout.optical {
        // An object has its light from one generation of stations.
        guard !layouts.contains(where: { $0.opticalStream != nil }) else { continue }
        EmulatedLight.fill(&bytes, optical, time: time)
      }
      if let stream = layout.opticalStream { EmulatedLight.fill(&bytes, stream, time: time) }
      if let orientation = Optional(orientation), layout.orientation != nil {
        fill(&bytes, layout, orientation: orientation, rate: rate)
      }
      let riders = layouts.indices.filter { carrier(of: $0) == index }
      turn += 1
      for source in [index] + (riders.isEmpty ? [] : [riders[turn % riders.count]]) {
        for condition in layouts[source].when where !condition.isNegated {
          condition.field.store(condition.value, into: &bytes, base: 0)
        }
        for control in layouts[source].controls { fill(&bytes, control, controlValues) }
        if let battery = layouts[source].battery {
          battery.level.encode(battery.full * 0.8, into: &bytes, base: 0)
        }
      }
      if let checksum = layout.checksum {
        let crc = bytes.withUnsafeBytes {
          seededCRC32(seed: checksum.seed, UnsafeRawBufferPointer(rebasing: $0[0..<checksum.at]))
        }
        for offset in 0..<4 {
          bytes[checksum.at + offset] = UInt8(truncatingIfNeeded: crc >> UInt32(8 * offset))
        }
      }
      result.append(bytes)
    }
    return result
  }

  /// Whether an earlier layout of the same report brings the samples.
  private func isRepeated(_ index: Int) -> Bool {
    layouts[index].samples != nil
      && layouts[..<index].contains { $0.samples != nil && $0.identifier == layouts[index].identifier }
  }

  /// The layout with samples whose conditions are among those of this one, which has none.
  private func carrier(of index: Int) -> Int? {
    let layout = layouts[index]
    guard layout.samples == nil, layout.when.count > 1 else { return nil }
    return layouts.indices.first { other in
      let carrier = layouts[other]
      return carrier.samples != nil && carrier.identifier == layout.identifier
        && carrier.when.allSatisfy { condition in
          condition.isNegated
            || layout.when.contains { $0.field == condition.field && $0.value == condition.value }
        }
    }
  }

  // MARK: samples

  private func fillSamples(
    _ index: Int, _ empty: [UInt8], rate: Vector3, force: Vector3, time: Double
  ) -> [UInt8]? {
    let layout = layouts[index]
    guard let samples = layout.samples else { return nil }
    var bytes = empty
    switch samples.pick {
    case .sequence(let field):
      if ring[index].isEmpty {
        ring[index] = empty
        // Until the ring has turned once its slots hold the same sample.
        for slot in 0..<samples.count {
          fillSlot(&ring[index], layout, samples, slot: slot, rate: rate, force: force, time: time)
          field.store(sequence & mask(field), into: &ring[index], base: samples.at + slot * samples.stride)
        }
      }
      let slot = Int(sequence % UInt64(samples.count))
      fillSlot(&ring[index], layout, samples, slot: slot, rate: rate, force: force, time: time)
      field.store(sequence & mask(field), into: &ring[index], base: samples.at + slot * samples.stride)
      sequence += 1
      // A ring shows each sample as often as it has slots, or once.
      guard sequence % UInt64(min(samplesPerReport, samples.count)) == 0 else { return nil }
      return ring[index]
    case .all where samples.count > 1:
      let sample = InertialSample(
        received: Timestamp(nanoseconds: 0), angularVelocity: rate, specificForce: force)
      pending.append((sample, ticks(layout, at: time), time))
      guard pending.count >= samples.count else { return nil }
      for (slot, entry) in pending.enumerated() {
        fillSlot(
          &bytes, layout, samples, slot: slot, rate: entry.sample.angularVelocity,
          force: entry.sample.specificForce, time: entry.time)
      }
      if let clock = layout.clock, !clock.isPerSample, let first = pending.first, let last = pending.last {
        clock.field.store(clock.stamp == .newest ? last.ticks : first.ticks, into: &bytes, base: 0)
      }
      pending.removeAll()
    case .marked(let mark):
      fillSlot(&bytes, layout, samples, slot: 0, rate: rate, force: force, time: time)
      for slot in 0..<samples.count {
        // What marks an empty slot is all ones where a full one has a number.
        let number = (slot == 0) != mark.isNegated ? mark.value : ~mark.value
        mark.field.store(
          number & mask(mark.field), into: &bytes, base: samples.at + slot * samples.stride)
      }
      if let clock = layout.clock, !clock.isPerSample {
        clock.field.store(ticks(layout, at: time), into: &bytes, base: 0)
      }
    case .all, .stamp:
      for slot in 0..<samples.count {
        fillSlot(&bytes, layout, samples, slot: slot, rate: rate, force: force, time: time)
      }
      if let clock = layout.clock, !clock.isPerSample {
        clock.field.store(ticks(layout, at: time), into: &bytes, base: 0)
      }
    case .counted(let field):
      let sample = InertialSample(
        received: Timestamp(nanoseconds: 0), angularVelocity: rate, specificForce: force)
      pending.append((sample, ticks(layout, at: time), time))
      guard pending.count >= samplesPerReport else { return nil }
      fillCounted(&bytes, layout, samples, field)
      pending.removeAll()
    }
    if let temperature = layout.temperature {
      temperature.field.encode((30 - temperature.offset) / temperature.scale, into: &bytes, base: 0)
    }
    return bytes
  }

  private func fillCounted(
    _ bytes: inout [UInt8], _ layout: ReportLayout, _ samples: ReportLayout.Slots, _ field: BitField
  ) {
    field.encode(Double(pending.count), into: &bytes, base: 0)
    let surplus = max(0, pending.count - samples.count)
    var slots: [(Vector3, Vector3)] = []
    // The first slot is the mean of the surplus and itself.
    let head = pending[0...surplus]
    slots.append(
      (
        head.reduce(.zero) { $0 + $1.sample.angularVelocity } / Double(head.count),
        head.reduce(.zero) { $0 + $1.sample.specificForce } / Double(head.count)
      ))
    for entry in pending[(surplus + 1)...] {
      slots.append((entry.sample.angularVelocity, entry.sample.specificForce))
    }
    for (slot, values) in slots.enumerated() {
      fillSlot(&bytes, layout, samples, slot: slot, rate: values.0, force: values.1, time: 0)
    }
    if let clock = layout.clock, let first = pending.first, let last = pending.last {
      clock.field.store(clock.stamp == .newest ? last.ticks : first.ticks, into: &bytes, base: 0)
    }
  }

  private func fillSlot(
    _ bytes: inout [UInt8], _ layout: ReportLayout, _ samples: ReportLayout.Slots, slot: Int, rate: Vector3,
    force: Vector3, time: Double
  ) {
    func base(_ stride: Int?) -> Int { samples.at + slot * (stride ?? samples.stride) }
    if let gyroscope = layout.gyroscope {
      fill(&bytes, gyroscope, gyroscopeInverse(rate), base: base(gyroscope.stride))
    }
    if let accelerometer = layout.accelerometer {
      fill(&bytes, accelerometer, accelerometerInverse(force), base: base(accelerometer.stride))
    }
    if let clock = layout.clock, clock.isPerSample {
      clock.field.store(ticks(layout, at: time), into: &bytes, base: base(clock.stride))
    }
  }

  private func fill(_ bytes: inout [UInt8], _ layout: ReportLayout.Vector, _ value: Vector3, base: Int) {
    var raw = layout.axes.inverse(value) / layout.scale
    if let ratio = layout.ratio {
      ratio.multiplier.encode(ratio.usual.multiplier, into: &bytes, base: base)
      ratio.divisor.encode(ratio.usual.divisor, into: &bytes, base: base)
      raw *= ratio.usual.divisor / ratio.usual.multiplier
    }
    for index in 0..<layout.mean {
      let place = base + index * layout.step
      layout.x.encode(raw.x, into: &bytes, base: place)
      layout.y.encode(raw.y, into: &bytes, base: place)
      layout.z.encode(raw.z, into: &bytes, base: place)
    }
  }

  // MARK: orientation and controls

  private func fill(
    _ bytes: inout [UInt8], _ layout: ReportLayout, orientation: Quaternion, rate: Vector3
  ) {
    guard let description = layout.orientation else { return }
    switch description.form {
    case .quaternion:
      let orientation = orientation * description.mounting.conjugate
      let v = description.axes.inverse(orientation.vector)
      for (field, value) in zip(description.fields, [v.x, v.y, v.z, orientation.w]) {
        field.encode(value / description.scale, into: &bytes, base: 0)
      }
    case .rotationVector:
      let v = description.axes.inverse(orientation.rotationVector)
      for (field, value) in zip(description.fields, [v.x, v.y, v.z]) {
        field.encode(value / description.scale, into: &bytes, base: 0)
      }
    }
    // Before the base, at the height of the chest.
    if let place = description.position { fill(&bytes, place, Vector3(0.2, 0.1, -0.3), base: 0) }
    if let angular = description.angularVelocity { fill(&bytes, angular, rate, base: 0) }
  }

  private func fill(_ bytes: inout [UInt8], _ control: ReportLayout.ControlField, _ values: [Float]) {
    guard control.index < values.count else { return }
    let value = Double(values[control.index])
    switch control.kind {
    case .bit:
      control.field.encode(control.minimum + (value > 0.5 ? 1 / control.gain : 0), into: &bytes, base: 0)
    case .linear:
      control.field.encode(
        control.minimum + (value - control.bottom) / control.gain, into: &bytes, base: 0)
    case .hat:
      control.field.store(8 & mask(control.field), into: &bytes, base: 0)
    }
  }

  // MARK: virtual reports

  /// Returns the bytes of all virtual reports, by name.
  private func virtualReports(
    rate: Vector3, force: Vector3, orientation: Quaternion, time: Double, controlValues: [Float]
  ) -> [String: [UInt8]] {
    var reports: [String: [UInt8]] = [:]
    for layout in layouts {
      guard case .virtual(let name) = layout.identifier, reports[name] == nil else { continue }
      var bytes = [UInt8](repeating: 0, count: layout.length)
      if let samples = layout.samples {
        fillSlot(&bytes, layout, samples, slot: 0, rate: rate, force: force, time: time)
        layout.clock?.field.store(ticks(layout, at: time), into: &bytes, base: 0)
      }
      if layout.orientation != nil { fill(&bytes, layout, orientation: orientation, rate: rate) }
      for control in layout.controls { fill(&bytes, control, controlValues) }
      reports[name] = bytes
    }
    return reports
  }

  private func mask(_ field: BitField) -> UInt64 {
    field.width >= 64 ? .max : (1 << UInt64(field.width)) - 1
  }
}
