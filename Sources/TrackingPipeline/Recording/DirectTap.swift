import MCAP
import Sensing
import SessionLog
import Spatial

/// Writes the input and output of a pipeline straight into a session, for sessions made from files.
package final class DirectTap: PipelineTap {
  package let writer: SessionWriter
  /// Names of each device's parts, and its controls.
  package var parts: [UInt32: [String]] = [:]
  package var controls: [UInt32: [Control]] = [:]
  /// The first write error; no record is written after it.
  package private(set) var failure: OutputError?
  package private(set) var reports: UInt64 = 0
  private static let maximumLimitations = 64
  /// The first limitations of devices, in the order in which they appeared or ended.
  package private(set) var limitations: [(device: DeviceID, TrackingLimitation, isActive: Bool)] = []

  private var report: (device: UInt32, part: Int, received: Timestamp, bytes: [UInt8])?
  private var states: [TrackedState] = []
  /// Messages that follow the report's states.
  private var later: [(message: Later, time: Timestamp)] = []

  private enum Later {
    case control(Vrbridge_Session_ControlChange, device: UInt32)
    case event(Vrbridge_Session_Event)
  }

  package init(_ writer: SessionWriter) { self.writer = writer }

  private func attempt(_ body: () throws(OutputError) -> Void) {
    guard failure == nil else { return }
    do throws(OutputError) { try body() } catch { failure = error }
  }

  package func begin(device: DeviceID, part: Int, report bytes: UnsafeRawBufferPointer, received: Timestamp) {
    report = (device.number, part, received, Array(bytes))
    states.removeAll(keepingCapacity: true)
    later.removeAll()
  }

  package func state(_ state: TrackedState, device: DeviceID) { states.append(state) }

  package func end(captured: Timestamp?, deviceTicks: UInt64?) {
    guard let report else { return }
    self.report = nil
    reports += 1
    attempt { () throws(OutputError) in
      let names = parts[report.device] ?? []
      try report.bytes.span.bytes.withUnsafeBytes { bytes throws(OutputError) in
        try writer.write(
          SessionReport(received: report.received, captured: captured, deviceTicks: deviceTicks, data: bytes),
          device: report.device, part: UInt32(report.part),
          name: report.part < names.count ? names[report.part] : "part-\(report.part)")
      }
      for state in states { try writer.write(state, device: report.device) }
      for (message, time) in later {
        switch message {
        case .control(let change, let device):
          try writer.write(change, on: .control(device: device), at: time)
        case .event(let event): try writer.write(event, on: .events, at: time)
        }
      }
    }
  }

  package func control(_ index: Int, value: Float, device: DeviceID, at time: Timestamp) {
    let table = controls[device.number] ?? []
    let change = Vrbridge_Session_ControlChange(
      control: index, path: index < table.count ? table[index].path : "", value: value, at: time.nanoseconds)
    later.append((.control(change, device: device.number), time))
  }

  private func append(at time: Timestamp, _ fill: (inout Vrbridge_Session_Event) -> Void) {
    var event = Vrbridge_Session_Event()
    event.timeNs = time.nanoseconds
    fill(&event)
    later.append((.event(event), time))
  }

  package func battery(_ battery: BatteryState, device: DeviceID, at time: Timestamp) {
    append(at: time) {
      $0.battery.deviceID = device.number
      $0.battery.level = battery.level
      $0.battery.isCharging = battery.isCharging
    }
  }

  package func link(isUp: Bool, device: DeviceID, at time: Timestamp) {
    append(at: time) {
      $0.link.deviceID = device.number
      $0.link.isUp = isUp
    }
  }

  package func health(isDegraded: Bool, device: DeviceID, at time: Timestamp) {
    append(at: time) {
      $0.health.deviceID = device.number
      $0.health.isDegraded = isDegraded
    }
  }

  package func limited(
    _ limitation: TrackingLimitation, isActive: Bool, device: DeviceID, at time: Timestamp
  ) {
    append(at: time) {
      $0.health = Vrbridge_Session_Health(limitation, isActive: isActive, device: device.number)
    }
    if limitations.count < Self.maximumLimitations { limitations.append((device, limitation, isActive)) }
  }
}
