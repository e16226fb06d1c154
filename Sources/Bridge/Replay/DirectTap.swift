import MCAP
import Sensing
import SessionLog
import Spatial

/// Writes what a pipeline computes straight into a session: for sessions that are made from files, not in real time.
final class DirectTap: PipelineTap {
  let writer: SessionWriter
  /// Names of a device's parts and paths of its controls.
  var parts: [UInt32: [String]] = [:]
  var controls: [UInt32: [Control]] = [:]
  /// The first write that failed; nothing is written after it.
  private(set) var failure: OutputError?
  private(set) var reports: UInt64 = 0

  private var report: (device: UInt32, part: Int, received: Timestamp, bytes: [UInt8])?
  private var states: [TrackedState] = []
  /// What comes behind the report's states.
  private var later: [(message: Later, time: Timestamp)] = []

  private enum Later {
    case control(Vrbridge_Session_ControlChange, device: UInt32)
    case event(Vrbridge_Session_Event)
  }

  init(_ writer: SessionWriter) { self.writer = writer }

  private func attempt(_ body: () throws(OutputError) -> Void) {
    guard failure == nil else { return }
    do throws(OutputError) { try body() } catch { failure = error }
  }

  func begin(device: DeviceID, part: Int, report bytes: UnsafeRawBufferPointer, received: Timestamp) {
    report = (device.number, part, received, Array(bytes))
    states.removeAll(keepingCapacity: true)
    later.removeAll()
  }

  func state(_ state: TrackedState, device: DeviceID) { states.append(state) }

  func end(captured: Timestamp?, deviceTicks: UInt64?) {
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

  func control(_ index: Int, value: Float, device: DeviceID, at time: Timestamp) {
    let table = controls[device.number] ?? []
    let change = Vrbridge_Session_ControlChange(
      control: index, path: index < table.count ? table[index].path : "", value: value, at: time.nanoseconds)
    later.append((.control(change, device: device.number), time))
  }

  private func tell(at time: Timestamp, _ fill: (inout Vrbridge_Session_Event) -> Void) {
    var event = Vrbridge_Session_Event()
    event.timeNs = time.nanoseconds
    fill(&event)
    later.append((.event(event), time))
  }

  func battery(_ battery: BatteryState, device: DeviceID, at time: Timestamp) {
    tell(at: time) {
      $0.battery.deviceID = device.number
      $0.battery.level = battery.level
      $0.battery.isCharging = battery.isCharging
    }
  }

  func link(isUp: Bool, device: DeviceID, at time: Timestamp) {
    tell(at: time) {
      $0.link.deviceID = device.number
      $0.link.isUp = isUp
    }
  }

  func health(isDegraded: Bool, device: DeviceID, at time: Timestamp) {
    tell(at: time) {
      $0.health.deviceID = device.number
      $0.health.isDegraded = isDegraded
    }
  }
}
