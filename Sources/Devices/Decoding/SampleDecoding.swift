import Sensing
import Spatial

/// Inertial samples: which slots of a report are new, and when each was measured.
extension PartDecoder {
  func decodeSamples(
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

  /// Emits, oldest first, the slots of a ring whose sequence number follows the last emitted one.
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
    // A restarted device counts from another number; after 16 reports its numbers are accepted.
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
}

/// Adds to a counter of `bits` bits, wrapping as the device's does.
private func wrap(_ base: UInt64, adding steps: Int, bits: Int) -> UInt64 {
  let sum = base &+ UInt64(bitPattern: Int64(steps))
  return bits >= 64 ? sum : sum & ((1 << UInt64(bits)) - 1)
}
