import CLinux
import Devices
import Diagnostics
import Logging
import Sensing
import Spatial

/// Writes reports to devices: haptics, lights, keep-alives and mode switches.
///
/// Belongs to the device manager's thread.
final class DeviceOutputs {
  private let reporter: DeviceReporter
  private var schedule = OutputSchedule()
  private var keepAlives = KeepAliveSchedule()

  init(reporter: DeviceReporter) { self.reporter = reporter }

  /// When something must be written; CLOCK_MONOTONIC, ns; nil for never.
  var next: Int64? { [schedule.next, keepAlives.next].compactMap { $0 }.min() }

  func vibrate(_ request: HapticRequest) {
    write(.haptics, to: request.device) { schedule, part, output, now in
      schedule.vibrate(
        part, output, amplitude: request.amplitude, frequency: request.frequency, duration: request.duration,
        now: now)
    }
  }

  func shine(_ request: LightRequest) {
    write(.light, to: request.device) { schedule, part, output, now in
      schedule.shine(part, output, colour: Vector3(request.red, request.green, request.blue), now: now)
    }
  }

  func start(_ keepAlive: KeepAlive, of part: PartKey) {
    keepAlives.start(keepAlive, of: part, now: linux_monotonic_ns())
  }

  /// Drops everything scheduled for an interface that is closed.
  func forget(_ part: PartKey) {
    schedule.forget(part)
    keepAlives.stop(part)
  }

  /// Writes what is due.
  func writeDue(now: Int64) {
    for (part, report) in keepAlives.due(now: now) {
      guard let interface = interface(part) else {
        keepAlives.stop(part)
        continue
      }
      do { try interface.transport.setFeature(report) } catch {
        reporter.log.debug("keep-alive failed: \(error.printed)")
      }
      reporter.wrote(report, to: part, isOutput: false)
    }
    for write in schedule.due(now: now) { send(write) }
  }

  /// Writes the report that takes a part out of the mode that its reports show.
  func switchMode(of part: Int, _ id: DeviceID) {
    guard let device = reporter.registry.device(id), device.origin == .hardware,
      let mode = device.parts[part]?.part.modeSwitch,
      let (index, interface) = device.parts.first(where: { entry in
        mode.part.map { $0 == entry.value.part.name } ?? (entry.key == part)
      })
    else { return }
    do {
      try interface.transport.setFeature(mode.report)
      reporter.wrote(mode.report, to: PartKey(device: id, part: index), isOutput: false)
    } catch {
      reporter.log.warning(
        "\(device.name), part \(interface.part.name): its mode can't be switched: \(error.printed)")
    }
  }

  private func write(
    _ purpose: OutputSchedule.Purpose, to device: DeviceID,
    _ fill: (inout OutputSchedule, PartKey, OutputDescription, Int64) -> [UInt8]
  ) {
    for (part, interface) in reporter.registry.device(device)?.parts ?? [:] {
      guard let output = interface.part.output(purpose) else { continue }
      let key = PartKey(device: device, part: part)
      let report = fill(&schedule, key, output, linux_monotonic_ns())
      return send(OutputSchedule.Write(part: key, purpose: purpose, report: report))
    }
  }

  private func send(_ write: OutputSchedule.Write) {
    guard let interface = interface(write.part), let output = interface.part.output(write.purpose) else {
      return schedule.forget(write.part)
    }
    do {
      switch output.kind {
      case .output: try interface.transport.writeOutput(write.report)
      case .feature: try interface.transport.setFeature(write.report)
      }
    } catch {
      reporter.log.debug("\(write.purpose) failed: \(error.printed)")
    }
    reporter.wrote(write.report, to: write.part, isOutput: output.kind == .output)
  }

  private func interface(_ part: PartKey) -> DeviceRecord.OpenInterface? {
    reporter.registry.device(part.device)?.parts[part.part]
  }
}

extension PartDescription {
  func output(_ purpose: OutputSchedule.Purpose) -> OutputDescription? {
    switch purpose {
    case .haptics: haptics
    case .light: light
    }
  }
}
