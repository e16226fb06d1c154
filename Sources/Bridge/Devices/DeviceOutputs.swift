import BridgeProtocol
import CLinux
import Devices
import Logging
import Sensing

/// What was asked of devices' motors and lights, and what must be written when.
///
/// Motors that know no duration are stopped when it is over; lights that a device forgets are written again. A report
/// may hold both: each is filled with what was last asked of the other.
struct DeviceOutputs {
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
    /// What is then asked; nil for what was asked before.
    var change: [OutputDescription.Meaning: Double]?
  }

  private var values: [PartKey: [OutputDescription.Meaning: Double]] = [:]
  private var pending: [Key: Pending] = [:]

  /// CLOCK_MONOTONIC, ns: when something must be written.
  var next: Int64? { pending.values.map(\.at).min() }

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
      // Strength is the share of the period in which the actuator is driven, at most half.
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

  /// - Parameter colour: red, green and blue, 0...1.
  mutating func shine(
    _ part: PartKey, _ output: OutputDescription, colour: SIMD3<Double>, now: Int64
  ) -> [UInt8] {
    values[part, default: [:]].merge([.red: colour.x, .green: colour.y, .blue: colour.z]) { $1 }
    pending[Key(part: part, purpose: .light)] =
      colour == .zero
      ? nil : output.repeats.map { Pending(output: output, at: now + Int64($0 * 1e9), change: nil) }
    return output.filled(values[part] ?? [:])
  }

  /// What must be written by now.
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

  /// The interface is closed.
  mutating func forget(_ part: PartKey) {
    values[part] = nil
    for purpose in [Purpose.haptics, .light] { pending[Key(part: part, purpose: purpose)] = nil }
  }
}

extension DeviceManager {
  /// - Returns: what is wrong, or nil when the request was taken.
  func haptic(_ request: Vrbridge_V1_Haptic) -> Vrbridge_V1_ErrorCode? {
    take(request.deviceID, needs: { $0.haptics != nil }) { manager in
      manager.write(.haptics, to: DeviceID(request.deviceID)) { outputs, part, output, now in
        outputs.vibrate(
          part, output, amplitude: Double(request.amplitude), frequency: Double(request.frequencyHz),
          duration: Double(min(request.durationNs, 10_000_000_000)) * 1e-9, now: now)
      }
    }
  }

  /// - Returns: what is wrong, or nil when the request was taken.
  func light(_ request: Vrbridge_V1_Light) -> Vrbridge_V1_ErrorCode? {
    let colour = SIMD3<Double>(Double(request.red), Double(request.green), Double(request.blue))
    return take(request.deviceID, needs: { $0.light != nil }) { manager in
      manager.write(.light, to: DeviceID(request.deviceID)) { outputs, part, output, now in
        outputs.shine(part, output, colour: colour, now: now)
      }
    }
  }

  private func take(
    _ device: UInt32, needs isAble: (PartDescription) -> Bool,
    _ body: @escaping @Sendable (DeviceManager) -> Void
  ) -> Vrbridge_V1_ErrorCode? {
    guard let device = roster.device(DeviceID(device)), device.isConnected else { return .notFound }
    guard device.parts.values.contains(where: { isAble($0.part) }) else { return .unsupported }
    post(body)
    return nil
  }

  private func write(
    _ purpose: DeviceOutputs.Purpose, to device: DeviceID,
    _ fill: (inout DeviceOutputs, PartKey, OutputDescription, Int64) -> [UInt8]
  ) {
    for (part, interface) in roster.device(device)?.parts ?? [:] {
      guard let output = purpose == .haptics ? interface.part.haptics : interface.part.light else { continue }
      let key = PartKey(device: device, part: part)
      let report = fill(&outputs, key, output, linux_monotonic_ns())
      send(DeviceOutputs.Write(part: key, purpose: purpose, report: report))
      return armTimer()
    }
  }

  /// Writes what became due.
  func writeDue(now: Int64) { for write in outputs.due(now: now) { send(write) } }

  private func send(_ write: DeviceOutputs.Write) {
    guard let interface = roster.device(write.part.device)?.parts[write.part.part],
      let output = write.purpose == .haptics ? interface.part.haptics : interface.part.light
    else { return outputs.forget(write.part) }
    do {
      switch output.kind {
      case .output: try interface.transport.writeOutput(write.report)
      case .feature: try interface.transport.setFeature(write.report)
      }
    } catch {
      log.debug("\(write.purpose) failed: \(error)")
    }
    wrote(
      write.report, to: write.part.device, part: write.part.part, isOutput: output.kind == .output)
  }
}
