import BridgeProtocol
import CLinux
import Devices
import Glibc
import Logging
import Sensing
import Spatial
import TrackingPipeline
import SessionLog

/// Enters states of devices and reports them: to clients, the pose page, the log and the recorded session.
struct DeviceReporter: Sendable {
  let registry: DeviceRegistry
  let loop: TrackingLoop
  let page: PosePage
  let log: Logger
  /// Notifies clients.
  let announce: @Sendable (DeviceEvent) -> Void
  /// Takes records of the session, while one is recorded.
  let record: @Sendable (any QueuedRecord) -> Void

  /// Enters a state, unless the device is in it for the same reason already.
  func enter(_ entered: DeviceState, _ given: String, _ id: DeviceID) {
    let now = linux_monotonic_ns()
    guard let device = registry.enter(entered, given, id, now: now) else { return }
    let (state, reason) = (device.state, device.reason)
    let text = reason.isEmpty ? "" : ": \(reason)"
    log.log(
      level: state == .blocked || state == .degraded ? .warning : .debug, "\(state.name)\(text)",
      metadata: ["device": "\(device.name)", "id": "\(id.number)", "serial": "\(device.serial)"])
    announce(.state, device)
    // Clients of protocol 1.1 recognise degraded devices by this event.
    if state == .degraded || state == .streaming { announce(.changed, device) }
    record(TransitionRecord(state: state, reason: reason, device: id, time: Timestamp(nanoseconds: now)))
  }

  /// Sets or ends a limitation of a device, and shows it unless the device is in a state that matters more.
  ///
  /// - Parameter text: for display; nil ends it.
  func limit(_ limitation: DeviceLimitation, _ text: String?, _ id: DeviceID) {
    let wasLimited = registry.device(id)?.isLimited == true
    guard let device = registry.limit(limitation, text, id), device.isConnected else { return }
    switch device.state {
    case .streaming, .initialising: if text != nil { enter(.streaming, "", id) }
    case .degraded where wasLimited:
      enter(device.limitations.isEmpty && device.awaitsMotion ? .initialising : .streaming, "", id)
    default: break
    }
  }

  /// Reports that the device's motion was not observed for a time.
  ///
  /// - Parameter seconds: between two samples, by the host's clock.
  func interrupted(_ id: DeviceID, seconds: Float) {
    guard let device = registry.device(id) else { return }
    log.warning(
      "no samples for a time, or the device's clock jumped: the heading is kept and may be wrong; recentre if it is",
      metadata: [
        "device": "\(device.name)", "id": "\(id.number)", "serial": "\(device.serial)",
        "gap_s": "\((Double(seconds) * 100).rounded() / 100)",
      ])
  }

  func arrived(_ device: DeviceRecord) {
    identify(device)
    log.info(
      "device arrived",
      metadata: [
        "device": "\(device.name)", "id": "\(device.id.number)", "serial": "\(device.serial)",
        "role": "\(device.role.name)", "origin": "\(device.origin.name)",
        "calibration": "\(device.calibration.rawValue)",
      ])
    announce(.arrived, device)
  }

  /// - Parameter code: errno of the read that ended the device; 0 for an orderly end.
  func lost(_ device: DeviceRecord, code: Int32) {
    identify(device)
    let reason = code == 0 ? "ended" : errorText(code)
    let shown =
      device.isNetworkTracker
      ? "no packet for one second" : code == EIO ? "unplugged or switched off" : reason
    enter(.lost, shown, device.id)
    log.info(
      "device lost",
      metadata: [
        "device": "\(device.name)", "id": "\(device.id.number)", "reason": "\(reason)",
        "metrics": "\(device.statistics.summary)",
      ])
    announce(.lost, registry.device(device.id) ?? device)
  }

  /// Removes a device with its role and its slot of the pose page, and reports it as lost.
  func remove(_ id: DeviceID, _ reason: String) {
    enter(.lost, reason, id)
    guard let device = registry.remove(id) else { return }
    let page = page
    loop.post { _ in
      page.identify(
        slot: device.slot, device: nil, role: .none, origin: device.origin, isConnected: false, name: "")
    }
    announce(.lost, device)
  }

  /// Reports a new role, battery or health.
  func changed(_ device: DeviceRecord) { announce(.changed, device) }

  func recentered() { announce(.recentered, nil) }

  /// Writes the device's identity into its slot of the pose page, which only the tracking thread writes.
  func identify(_ device: DeviceRecord) {
    let page = page
    let (slot, id, role, origin, isConnected, name) = (
      device.slot, device.id, device.role, device.origin, device.isConnected, device.name
    )
    loop.post { _ in
      page.identify(slot: slot, device: id, role: role, origin: origin, isConnected: isConnected, name: name)
    }
  }

  /// Records a report that was written to a device.
  func wrote(_ report: [UInt8], to part: PartKey, isOutput: Bool) {
    let time = Timestamp(nanoseconds: linux_monotonic_ns())
    record(
      WrittenReportRecord(
        report: report, device: part.device, part: part.part, isOutput: isOutput, time: time))
  }

  private func announce(_ kind: DeviceEvent.Kind, _ device: DeviceRecord?) {
    announce(
      DeviceEvent(kind, device: device?.status, time: Timestamp(nanoseconds: linux_monotonic_ns())))
  }
}
