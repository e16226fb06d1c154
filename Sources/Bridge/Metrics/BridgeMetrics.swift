import BridgeProtocol
import Foundation
import Inference
import Sensing
import Synchronization

/// Everything that is counted, read when somebody asks: nothing is kept twice, and nothing here runs on the tracking
/// thread.
struct BridgeMetrics: Sendable {
  var manager: DeviceManager
  var recording: RecordingControl
  var models: ModelHost
  var microphones: MicrophoneService
  var clients: @Sendable () -> Int
  var lostEvents: @Sendable () -> UInt64
  /// From the read of a report until its pose is on its way to clients.
  var delivery: LatencyHistogram

  func text() async -> String {
    var text = OpenMetricsText()
    text.add("vrbridge_build", .info, "The program.", [([("version", ProductVersion.text)], 1)])
    addDevices(&text)
    text.add("vrbridge_clients", .gauge, "Programs at the socket.", [([], Double(clients()))])
    text.add(
      "vrbridge_lost_events", .counter, "Poses and controls that found no room on their way to the socket.",
      [([], Double(lostEvents()))])
    text.add(
      "vrbridge_delivery_seconds", "From the read of a report until its pose is on its way to clients.",
      unit: "seconds", [([], delivery)])
    addRecording(&text)
    await addModels(&text)
    let heard = microphones.figures.sorted { $0.key < $1.key }
    text.add(
      "vrbridge_microphone_samples", .counter, "Samples that a microphone gave, at 16 kHz.",
      heard.map { ([("microphone", $0.key)], Double($0.value.samples)) })
    text.add(
      "vrbridge_microphone_lost_samples", .counter, "Samples of a microphone that are missing.",
      heard.map { ([("microphone", $0.key)], Double($0.value.lost)) })
    addProcess(&text)
    return text.text
  }

  private func addDevices(_ text: inout OpenMetricsText) {
    let messages = manager.messages
    let figures = manager.figures
    func labels(_ id: UInt32) -> [(String, String)] {
      let device = messages.first { $0.deviceID == id }
      return [
        ("device", String(id)), ("name", device?.name ?? ""),
        ("role", (device?.role ?? .none).deviceRole.name),
      ]
    }
    func each(_ value: (DeviceStatistics) -> Double) -> [([(String, String)], Double)] {
      figures.map { (labels($0.device.number), value($0.statistics)) }
    }
    text.add(
      "vrbridge_device_connected", .gauge, "1 for a device that is there.",
      messages.map { (labels($0.deviceID), $0.connected ? 1 : 0) })
    text.add(
      "vrbridge_device_degraded", .gauge, "1 for a device that sends what can't be right.",
      messages.map { (labels($0.deviceID), $0.degraded ? 1 : 0) })
    text.add(
      "vrbridge_device_battery", .gauge, "Charge, 0 to 1.",
      messages.map { (labels($0.deviceID), $0.hasBattery ? Double($0.battery.level) : .nan) })
    text.add(
      "vrbridge_device_reports", .counter, "Reports that were read.",
      each { Double($0.reports.load(ordering: .relaxed)) })
    text.add(
      "vrbridge_device_decode_errors", .counter, "Reports that could not be decoded.",
      each { Double($0.decodeErrors.load(ordering: .relaxed)) })
    text.add(
      "vrbridge_device_lost_samples", .counter, "Samples that the device counted and that did not come.",
      each { Double($0.lostSamples.load(ordering: .relaxed)) })
    text.add(
      "vrbridge_device_states", .counter, "Poses that were computed.",
      each { Double($0.states.load(ordering: .relaxed)) })
    text.add(
      "vrbridge_fusion_seconds", "From the read of a report until its pose is in the page.", unit: "seconds",
      figures.map { (labels($0.device.number), $0.statistics.latency) })
    text.add(
      "vrbridge_device_clock_residual_seconds", .gauge, "How far arrivals lie from the device's clock.",
      unit: "seconds", each { $0.clockResidual.value })
    text.add(
      "vrbridge_device_clock_skew_ratio", .gauge, "Rate of the device's clock against nominal.",
      unit: "ratio",
      each { $0.clockSkew.value })
    text.add(
      "vrbridge_device_measurements", .counter, "Places that others measured, used and not.",
      figures.flatMap { device, statistics, _ in
        [
          ("used", statistics.measurements.load(ordering: .relaxed)),
          ("rejected", statistics.measurementsRejected.load(ordering: .relaxed)),
        ].map { (labels(device.number) + [("outcome", $0)], Double($1)) }
      })
    let perMinute = 60 * 180 / Double.pi
    let drifts: [(String, (DeviceStatistics) -> Double)] = [
      ("rest", { $0.driftAtRest.value }), ("gravity", { $0.driftAgainstGravity.value }),
      ("field", { $0.driftAgainstField.value }),
    ]
    text.add(
      "vrbridge_device_drift_degrees_per_minute", .gauge,
      "Turn at rest, and what gravity and the magnetic field correct.",
      drifts.flatMap { kind, value in
        figures.map { (labels($0.device.number) + [("against", kind)], value($0.statistics) * perMinute) }
      })
  }

  private func addRecording(_ text: inout OpenMetricsText) {
    let status = recording.status
    text.add("vrbridge_recording", .gauge, "1 while a session is recorded.", [([], status.isRunning ? 1 : 0)])
    text.add(
      "vrbridge_recorded_bytes", .gauge, "Of the recording that runs, or of the last.", unit: "bytes",
      [([], Double(status.bytes))])
    text.add(
      "vrbridge_recording_dropped_records", .gauge, "Records that found no room in the recorder's queue.",
      [([], Double(status.dropped))])
    text.add(
      "vrbridge_recording_queue_bytes", .gauge, "Bytes that wait for the disk.", unit: "bytes",
      [([], Double(status.queued))])
  }

  private func addModels(_ text: inout OpenMetricsText) async {
    let all = await models.figures
    func each(_ value: (ModelFigures) -> Double) -> [([(String, String)], Double)] {
      all.map { ([("model", $0.name), ("version", $0.version)], value($0.figures)) }
    }
    text.add("vrbridge_model_runs", .counter, "Inferences.", each { Double($0.runs) })
    text.add("vrbridge_model_failures", .counter, "Inferences that failed.", each { Double($0.failures) })
    text.add(
      "vrbridge_model_dropped", .counter, "Inputs that were let go for newer ones.",
      each { Double($0.dropped) })
    text.add("vrbridge_model_seconds", .counter, "Time of inferences.", unit: "seconds", each { $0.seconds })
    text.add(
      "vrbridge_model_latency_seconds", .gauge, "Of the last 512 inferences.", unit: "seconds",
      [0.5, 0.95, 0.99].flatMap { share in
        all.map { model in
          (
            [("model", model.name), ("version", model.version), ("quantile", String(share))],
            (model.figures.latency(share) ?? .nan) / 1000
          )
        }
      })
    text.add(
      "vrbridge_inferences_waiting", .gauge, "Inferences that wait for their turn.",
      [([], Double(models.gate.waiting))])
  }

  private func addProcess(_ text: inout OpenMetricsText) {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let resident = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    text.add(
      "process_resident_memory_bytes", .gauge, "Memory in use.", unit: "bytes",
      [([], resident.flatMap { Double($0.filter(\.isNumber)) }.map { $0 * 1024 } ?? .nan)])
    text.add(
      "process_cpu_seconds", .counter, "Processor time.", unit: "seconds", [([], Double(clock()) / 1e6)])
    let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count
    text.add("process_open_fds", .gauge, "Open descriptors.", [([], descriptors.map(Double.init) ?? .nan)])
  }
}
