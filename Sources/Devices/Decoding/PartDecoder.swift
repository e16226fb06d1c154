import Sensing
import Spatial

/// Decodes the reports of one interface. Compiled once from the description; `decode` allocates nothing.
///
/// Used by one thread at a time.
public final class PartDecoder {
  public enum Outcome: Sendable { case decoded, ignored }

  private let layouts: ContiguousArray<ReportLayout>
  /// First layout of each report id, −1 for none; `next` chains layouts of the same id.
  private let first: ContiguousArray<Int16>
  private let next: ContiguousArray<Int16>
  private let isNumbered: Bool
  /// A report with this id is of a mode that is to be switched.
  private let modeReport: UInt8?
  private let splitter: WatchmanSplitter?
  /// What is behind a radio says that it is on by its first report.
  private let isPeer: Bool
  /// Place in the device's table of the control that tells whether the device is worn.
  public let wornControl: Int?
  private var isLinked = false
  private var states: ContiguousArray<PickState>
  /// The longest report that the interface declares: its host controller can't deliver more.
  private let maximumLength: Int
  /// How an attitude that the device fused becomes a report of none: limits of what a sensor can say.
  private static let maximumRate = 1000.0  // rad/s; the fastest MEMS gyroscope ends at 70
  private static let maximumForce = 10_000.0  // m/s²; the strongest MEMS accelerometer ends at 4,000
  private static let maximumDistance = 100.0  // m; nothing that tells its place is for larger rooms
  private static let maximumField = 100_000.0  // µT

  /// What must be remembered between reports to tell new samples from repeated ones.
  struct PickState {
    var lastSequence: UInt64?
    var lastStamp: UInt64?
    /// Reports in a row with nothing new: a device that restarted its counters.
    var stale = 0
  }

  /// - Parameters:
  ///   - replies: what the device answered to the part's named features, id byte first.
  ///   - controls: the device's table of controls (`DeviceDescription.controls`).
  public init(
    part: PartDescription, descriptor: HIDReportDescriptor? = nil, replies: [String: [UInt8]] = [:],
    controls: [Control]
  ) throws(LayoutError) {
    var controlIndex: [String: Int] = [:]
    for (index, control) in controls.enumerated() { controlIndex[control.path] = index }
    var layouts: ContiguousArray<ReportLayout> = []
    for report in part.reports {
      layouts.append(
        try ReportLayout(report, replies: replies, controlIndex: controlIndex, descriptor: descriptor))
    }
    var first = ContiguousArray<Int16>(repeating: -1, count: 256)
    var next = ContiguousArray<Int16>(repeating: -1, count: layouts.count)
    var isNumbered = true
    for index in layouts.indices.reversed() {
      let slot: Int
      switch layouts[index].identifier {
      case .numbered(let id): slot = Int(id)
      case .unnumbered:
        slot = 0
        isNumbered = false
      case .virtual(let name): slot = WatchmanSplitter.Frame(name: name).map { Int($0.rawValue) } ?? 255
      case .byUsage: throw LayoutError(description: "a report by usage names no usage")
      }
      next[index] = first[slot]
      first[slot] = Int16(index)
    }
    let declared = descriptor.map { found in
      found.reportIDs(.input).map { found.length(.input, $0) }.max() ?? 0
    }
    maximumLength = declared.flatMap { $0 > 0 ? $0 : nil } ?? DescriptionParser.longestReport
    self.layouts = layouts
    self.first = first
    self.next = next
    self.isNumbered = isNumbered
    wornControl = controlIndex["/input/worn/touch"]
    modeReport = part.modeSwitch?.seen
    isPeer = part.waitsForPeer && part.driver == nil
    splitter =
      part.driver?.isRadio == true ? WatchmanSplitter(isSecond: part.driver == .watchmanV2) : nil
    states = ContiguousArray(repeating: PickState(), count: layouts.count)
  }

  /// Forgets counters, as when the device was unplugged.
  public func reset() {
    for index in states.indices { states[index] = PickState() }
    isLinked = false
  }

  /// Says that the radio's other end is known to be on: its next report is no news.
  public func assumeLink() {
    isLinked = true
    splitter?.isLinked = true
  }

  /// What is remembered between reports.
  public func archive(_ archive: StateArchive) {
    archive.code(&states) { state in
      archive.code(&state.lastSequence, empty: 0) { archive.code(&$0) }
      archive.code(&state.lastStamp, empty: 0) { archive.code(&$0) }
      archive.code(&state.stale, in: 0...(1 << 60))
    }
    splitter?.archive(archive)
    if isPeer { archive.code(&isLinked) }
  }

  /// Decodes one report as read from the interface: the id first when reports are numbered.
  ///
  /// On an error the batch may hold what came before the fault; nothing of it is wrong.
  public func decode(
    _ report: UnsafeRawBufferPointer, received: Timestamp, into batch: SampleBatch
  ) throws(DecodeError) -> Outcome {
    guard report.count > 0 else { throw DecodeError(.empty, reportID: 0, offset: 0) }
    guard report.count <= maximumLength else {
      throw DecodeError(.tooLong, reportID: report[0], offset: maximumLength)
    }
    if let splitter {
      return try splitter.split(report, received, batch) { (frame, bytes) throws(DecodeError) in
        try self.decode(slot: Int(frame.rawValue), bytes, reportID: report[0], received, batch)
      }
    }
    if report[0] == modeReport { batch.wantsModeSwitch = true }
    return try decode(slot: isNumbered ? Int(report[0]) : 0, report, reportID: report[0], received, batch)
  }

  @discardableResult
  private func decode(
    slot: Int, _ report: UnsafeRawBufferPointer, reportID: UInt8, _ received: Timestamp, _ batch: SampleBatch
  ) throws(DecodeError) -> Outcome {
    var index = Int(first[slot])
    var outcome = Outcome.ignored
    while index >= 0 {
      let length = layouts[index].length
      guard report.count >= length else {
        throw DecodeError(.tooShort, reportID: reportID, offset: report.count)
      }
      guard isMeant(index, report) else {
        index = Int(next[index])
        continue
      }
      if isPeer, !isLinked {
        isLinked = true
        batch.linkChange = true
      }
      try apply(index, report, reportID: reportID, received, batch)
      outcome = .decoded
      index = Int(next[index])
    }
    return outcome
  }

  @inline(__always)
  private func isMeant(_ index: Int, _ report: UnsafeRawBufferPointer) -> Bool {
    for place in layouts[index].when.indices {
      if !layouts[index].when[place].holds(report, base: 0) { return false }
    }
    return true
  }

  private func apply(
    _ index: Int, _ report: UnsafeRawBufferPointer, reportID: UInt8, _ received: Timestamp,
    _ batch: SampleBatch
  ) throws(DecodeError) {
    if let checksum = layouts[index].checksum {
      let declared = report.loadUnaligned(fromByteOffset: checksum.at, as: UInt32.self)
      let covered = UnsafeRawBufferPointer(rebasing: report[0..<checksum.at])
      guard seededCRC32(seed: checksum.seed, covered) == UInt32(littleEndian: declared) else {
        throw DecodeError(.checksum, reportID: reportID, offset: checksum.at)
      }
    }
    if layouts[index].samples != nil {
      try decodeSamples(index, report, reportID: reportID, received, batch)
    }
    if layouts[index].orientation != nil {
      try decodeOrientation(index, report, reportID: reportID, received, batch)
    }
    if let layout = layouts[index].acceleration {
      var ignored = false
      batch.set(
        acceleration: try vector(
          layout, report, base: 0, limit: Self.maximumForce, reportID, saturated: &ignored))
    }
    if let optical = layouts[index].optical {
      for slot in 0..<optical.count {
        let base = optical.at + slot * optical.stride
        let sensor = optical.sensor.bits(report, base: base)
        guard sensor < optical.empty else { continue }
        batch.append(
          OpticalSample(
            received: received, sensor: UInt16(truncatingIfNeeded: sensor),
            ticks: optical.time.bits(report, base: base),
            length: UInt32(truncatingIfNeeded: optical.length.bits(report, base: base)), rate: optical.rate))
      }
    }
    if let stream = layouts[index].opticalStream {
      let end = stream.at + Int(stream.count.bits(report, base: 0) & 0xff)
      guard end <= report.count,
        LighthouseStream.samples(
          UnsafeRawBufferPointer(rebasing: report[stream.at..<end]), message: nil, received: received,
          { batch.append($0) })
      else { throw DecodeError(.malformedFrame, reportID: reportID, offset: stream.at) }
    }
    if !layouts[index].controls.isEmpty { decodeControls(index, report, batch) }
    if let battery = layouts[index].battery {
      let level = battery.level.value(report, base: 0) / battery.full
      let charging =
        battery.charging.map { battery.chargingValues.contains($0.bits(report, base: 0)) } ?? false
      batch.set(BatteryState(level: Float(min(max(level, 0), 1)), isCharging: charging))
    }
  }

  // MARK: samples

  private func decodeSamples(
    _ index: Int, _ report: UnsafeRawBufferPointer, reportID: UInt8, _ received: Timestamp,
    _ batch: SampleBatch
  ) throws(DecodeError) {
    guard let samples = layouts[index].samples else { return }
    switch samples.pick {
    case .all:
      for slot in 0..<samples.count {
        let ticks = stamp(index, report, slot: slot, of: samples.count, samples)
        try emit(index, report, slot: slot, ticks: ticks, periods: 1, reportID, received, batch)
      }
    case .stamp:
      for slot in 0..<samples.count {
        let ticks = stamp(index, report, slot: slot, of: samples.count, samples)
        guard ticks != states[index].lastStamp else { continue }
        states[index].lastStamp = ticks
        try emit(index, report, slot: slot, ticks: ticks, periods: 1, reportID, received, batch)
      }
    case .marked(let mark):
      for slot in 0..<samples.count {
        guard mark.holds(report, base: samples.at + slot * samples.stride) else { return }
        let ticks = stamp(index, report, slot: slot, of: samples.count, samples)
        try emit(index, report, slot: slot, ticks: ticks, periods: 1, reportID, received, batch)
      }
    case .sequence(let field):
      try decodeRing(index, report, samples, field, reportID, received, batch)
    case .counted(let field):
      let announced = Int(min(field.bits(report, base: 0), 255))
      guard announced > 0 else { return }
      let present = min(announced, samples.count)
      // Above the capacity, slot 0 is the mean of the surplus: an interval of several periods.
      let surplus = announced - present
      for slot in 0..<present {
        let ticks: UInt64? = layouts[index].clock.map { clock in
          let base = clock.field.bits(report, base: 0)
          let steps =
            clock.stamp == .newest ? -(present - 1 - slot) : surplus + slot
          return wrap(base, adding: steps * clock.spacing, bits: clock.bits)
        }
        try emit(
          index, report, slot: slot, ticks: ticks, periods: slot == 0 ? surplus + 1 : 1, reportID, received,
          batch)
      }
    }
  }

  /// Slots used as a ring: emits, oldest first, those whose sequence number follows the last emitted one.
  private func decodeRing(
    _ index: Int, _ report: UnsafeRawBufferPointer, _ samples: ReportLayout.Slots, _ field: BitField,
    _ reportID: UInt8, _ received: Timestamp, _ batch: SampleBatch
  ) throws(DecodeError) {
    let mask = field.width == 64 ? UInt64.max : (1 << UInt64(field.width)) - 1
    let half = mask / 2
    func sequence(_ slot: Int) -> UInt64 { field.bits(report, base: samples.at + slot * samples.stride) }

    var last: UInt64
    if let known = states[index].lastSequence {
      last = known
    } else {
      // The oldest slot is the one that no other slot precedes.
      var oldest = sequence(0)
      for slot in 1..<max(1, samples.count) where (oldest &- sequence(slot)) & mask <= half {
        oldest = sequence(slot)
      }
      last = (oldest &- 1) & mask
    }
    var emitted = 0
    while emitted < samples.count {
      var best = -1
      var bestDistance = half + 1
      for slot in 0..<samples.count {
        let distance = (sequence(slot) &- last) & mask
        if distance > 0, distance < bestDistance {
          best = slot
          bestDistance = distance
        }
      }
      guard best >= 0 else { break }
      if states[index].lastSequence != nil {
        batch.lostSamples &+= UInt32(truncatingIfNeeded: bestDistance - 1)
      }
      last = sequence(best)
      states[index].lastSequence = last
      emitted += 1
      let ticks = stamp(index, report, slot: best, of: samples.count, samples)
      try emit(index, report, slot: best, ticks: ticks, periods: 1, reportID, received, batch)
    }
    // A device that restarted counts from somewhere else; after a while its numbers are believed again.
    states[index].stale = emitted == 0 ? states[index].stale + 1 : 0
    if states[index].stale > 16 { states[index] = PickState() }
  }

  private func stamp(
    _ index: Int, _ report: UnsafeRawBufferPointer, slot: Int, of count: Int, _ samples: ReportLayout.Slots
  ) -> UInt64? {
    guard let clock = layouts[index].clock else { return nil }
    if clock.isPerSample {
      return clock.field.bits(report, base: samples.at + slot * (clock.stride ?? samples.stride))
    }
    let steps = clock.stamp == .newest ? slot - (count - 1) : slot
    return wrap(clock.field.bits(report, base: 0), adding: steps * clock.spacing, bits: clock.bits)
  }

  private func emit(
    _ index: Int, _ report: UnsafeRawBufferPointer, slot: Int, ticks: UInt64?, periods: Int,
    _ reportID: UInt8, _ received: Timestamp, _ batch: SampleBatch
  ) throws(DecodeError) {
    guard let samples = layouts[index].samples, let gyroscope = layouts[index].gyroscope,
      let accelerometer = layouts[index].accelerometer
    else { return }
    var saturated = false
    let rate = try vector(
      gyroscope, report, base: samples.at + slot * (gyroscope.stride ?? samples.stride),
      limit: Self.maximumRate, reportID, saturated: &saturated)
    let force = try vector(
      accelerometer, report, base: samples.at + slot * (accelerometer.stride ?? samples.stride),
      limit: Self.maximumForce, reportID, saturated: &saturated)
    var sample = InertialSample(
      received: received, deviceTicks: ticks, angularVelocity: rate, specificForce: force,
      periods: Int32(truncatingIfNeeded: periods), isSaturated: saturated)
    if let magnetometer = layouts[index].magnetometer {
      var ignored = false
      sample.magneticField = try vector(
        magnetometer, report, base: 0, limit: Self.maximumField, reportID, saturated: &ignored)
    }
    if let temperature = layouts[index].temperature {
      let value = temperature.field.value(report, base: 0) * temperature.scale + temperature.offset
      guard value.isFinite else {
        throw DecodeError(.notFinite, reportID: reportID, offset: temperature.field.byte)
      }
      sample.temperature = value
    }
    batch.append(sample)
  }

  @inline(__always)
  private func vector(
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
    if any(raw .<= layout.low) || any(raw .>= layout.high) { saturated = true }
    return layout.axes(scaled)
  }

  // MARK: orientation and controls

  private func decodeOrientation(
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
        let q = SIMD4(v * layout.scale, w * layout.scale)
        let length = (q * q).sum().squareRoot()
        guard length.isFinite else { throw DecodeError(.notFinite, reportID: reportID, offset: offset) }
        guard length > 0.5, length < 2 else {
          throw DecodeError(.implausible, reportID: reportID, offset: offset)
        }
        orientation =
          (Quaternion(SIMD4(layout.axes(Vector3(q.x, q.y, q.z)), q.w)) * layout.mounting).normalized
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

  private func decodeControls(_ index: Int, _ report: UnsafeRawBufferPointer, _ batch: SampleBatch) {
    for control in layouts[index].controls {
      switch control.kind {
      case .bit:
        let value = (control.field.value(report, base: 0) - control.minimum) * control.gain
        batch.set(control: control.index, to: value >= 0.5 ? 1 : 0)
      case .linear:
        let raw = control.field.value(report, base: 0)
        let value = control.bottom + (raw - control.minimum) * control.gain
        guard value.isFinite else { continue }
        batch.set(control: control.index, to: Float(min(max(value, control.bottom), 1)))
      case .hat:
        // 0 is up, then clockwise in steps of 45°; each direction holds while the hat is within 45° of it.
        let direction = Int(min(control.field.bits(report, base: 0), 8))
        for button in 0..<4 {
          let distance = direction > 7 ? 8 : abs((direction - button * 2 + 12) % 8 - 4)
          batch.set(control: control.index + button, to: distance <= 1 ? 1 : 0)
        }
      }
    }
  }
}

/// Adds to a counter of `bits` bits, wrapping as the device's does.
private func wrap(_ base: UInt64, adding steps: Int, bits: Int) -> UInt64 {
  let sum = base &+ UInt64(bitPattern: Int64(steps))
  return bits >= 64 ? sum : sum & ((1 << UInt64(bits)) - 1)
}

extension DeviceDescription {
  /// All controls of the device, each path once, in the order of the description.
  public var controls: [Control] {
    var seen: Set<String> = []
    return parts.flatMap(\.reports).flatMap(\.controls).flatMap(\.controls).filter {
      seen.insert($0.path).inserted
    }
  }
}
