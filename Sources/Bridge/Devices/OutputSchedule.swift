import Devices
import Sensing
import Spatial

/// When reports for haptics and lights must be written, and with which values.
///
/// Actuators that take no duration are stopped when it is over; lights that a device switches off by itself are written
/// again. A report may hold both: each is filled with the last values of the other.
struct OutputSchedule {
  enum Purpose: Hashable, Sendable { case haptics, light }

  struct Write {
    var part: PartKey
    var purpose: Purpose
    var report: [UInt8]
  }

  private struct Key: Hashable {
    var part: PartKey
    var purpose: Purpose
  }

  private struct Pending {
    var output: OutputDescription
    var at: Int64
    /// The values from then on; nil for unchanged ones.
    var change: [OutputDescription.Meaning: Double]?
  }

  private var values: [PartKey: [OutputDescription.Meaning: Double]] = [:]
  private var pending: [Key: Pending] = [:]

  /// When something must be written; CLOCK_MONOTONIC, ns; nil for never.
  var next: Int64? { pending.values.map(\.at).min() }

  /// Returns the report that starts haptics, and schedules the one that ends them.
  ///
  /// - Parameters:
  ///   - amplitude: 0...1.
  ///   - frequency: Hz; 0 lets the device choose.
  ///   - duration: seconds.
  mutating func vibrate(
    _ part: PartKey, _ output: OutputDescription, amplitude: Double, frequency: Double, duration: Double,
    now: Int64
  ) -> [UInt8] {
    let amplitude = min(max(amplitude, 0), 1)
    let frequency = frequency > 0 ? min(max(frequency, 20), 1000) : 160
    let period = 1e6 / frequency
    values[part, default: [:]].merge([
      .lowFrequencyAmplitude: amplitude,
      .highFrequencyAmplitude: amplitude,
      // The amplitude is the share of the period in which the actuator is driven, at most half.
      .onMicroseconds: period * amplitude / 2,
      .offMicroseconds: period * (1 - amplitude / 2),
      .cycles: max(1, (duration * frequency).rounded()),
    ]) { $1 }
    pending[Key(part: part, purpose: .haptics)] =
      output.goesOn && amplitude > 0
      ? Pending(
        output: output, at: now + Int64(duration * 1e9),
        change: [.lowFrequencyAmplitude: 0, .highFrequencyAmplitude: 0]) : nil
    return output.filled(values[part] ?? [:])
  }

  /// Returns the report that sets the light, and schedules its repetition.
  ///
  /// - Parameter colour: red, green and blue, 0...1.
  mutating func shine(
    _ part: PartKey, _ output: OutputDescription, colour: Vector3, now: Int64
  ) -> [UInt8] {
    values[part, default: [:]].merge([.red: colour.x, .green: colour.y, .blue: colour.z]) { $1 }
    pending[Key(part: part, purpose: .light)] =
      colour == .zero
      ? nil : output.repeats.map { Pending(output: output, at: now + Int64($0 * 1e9), change: nil) }
    return output.filled(values[part] ?? [:])
  }

  /// Returns the reports that are due.
  mutating func due(now: Int64) -> [Write] {
    var writes: [Write] = []
    for (key, entry) in pending where entry.at <= now {
      if let change = entry.change { values[key.part, default: [:]].merge(change) { $1 } }
      pending[key] = nil
      if entry.change == nil, let interval = entry.output.repeats {
        pending[key] = Pending(output: entry.output, at: now + Int64(interval * 1e9), change: nil)
      }
      writes.append(
        Write(
          part: key.part, purpose: key.purpose, report: entry.output.filled(values[key.part] ?? [:])))
    }
    return writes
  }

  /// Drops everything scheduled for an interface that is closed.
  mutating func forget(_ part: PartKey) {
    values[part] = nil
    for purpose in [Purpose.haptics, .light] { pending[Key(part: part, purpose: purpose)] = nil }
  }
}
