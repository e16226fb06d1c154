import Admission
import Assistant
import BridgeProtocol
import Foundation
import Inference
import Sandbox
import Sensing
import SessionLog
import Synchronization
import TrackingPipeline
import Diagnostics

/// All metrics of the bridge as OpenMetrics text, read when they are requested: nothing is stored twice, and nothing here
/// runs on the tracking thread.
struct BridgeMetrics: Sendable {
  var registry: DeviceRegistry
  var loop: TrackingLoop
  var recording: RecordingControl
  var models: ModelHost
  var microphones: MicrophoneService
  var speech: SpeechService
  var clients: @Sendable () -> Int
  var lostEvents: @Sendable () -> UInt64
  /// Time from reading a report until its pose is on its way to clients.
  var delivery: LatencyHistogram
  var processes: ConfinedProcesses

  func text() async -> String {
    var text = OpenMetricsText()
    text.add(
      "vrbridge_build", .info, "Version of the running program.", [([("version", ProductVersion.text)], 1)])
    addDevices(&text)
    text.add("vrbridge_clients", .gauge, "Clients connected to the socket.", [([], Double(clients()))])
    text.add(
      "vrbridge_unidentified_connections", .counter,
      "Connections of this machine whose user the kernel did not report.",
      [([], Double(UnidentifiedPeers.process.count))])
    text.add(
      "vrbridge_lost_events", .counter,
      "Poses, controls, annotations and device events dropped on their way to the socket server.",
      [([], Double(lostEvents()))])
    text.add(
      "vrbridge_lost_measurements", .counter,
      "External pose measurements dropped because the tracking loop's queue was full or their device was lost.",
      [([], Double(loop.droppedMeasurements))])
    text.add(
      "vrbridge_delivery_seconds", "Time from reading a report until its pose is on its way to clients.",
      unit: "seconds", [([], delivery)])
    addRecording(&text)
    await addModels(&text)
    addConfinedProcesses(&text)
    let captured = microphones.metrics.sorted { $0.key < $1.key }
    text.add(
      "vrbridge_microphone_samples", .counter, "Samples captured by a microphone, at 16 kHz.",
      captured.map { ([("microphone", $0.key)], Double($0.value.samples)) })
    text.add(
      "vrbridge_microphone_lost_samples", .counter, "Samples of a microphone that were lost.",
      captured.map { ([("microphone", $0.key)], Double($0.value.lost)) })
    text.add(
      "vrbridge_speech_dropped", .counter,
      "Items that full queues of speech recognition dropped: events by kind, utterances, and steps of 80 ms of wake word detection.",
      speech.drops.map { ([("kind", $0.kind)], Double($0.count)) })
    addProcess(&text)
    return text.text
  }

  private func addDevices(_ text: inout OpenMetricsText) {
    let statuses = registry.statuses
    let metrics = registry.metrics
    let known = Dictionary(statuses.map { ($0.id.number, $0) }, uniquingKeysWith: { first, _ in first })
    func labels(_ id: UInt32) -> [(String, String)] {
      let device = known[id]
      return [
        ("device", String(id)), ("name", device?.name ?? ""),
        ("role", (device?.role ?? .none).name),
      ]
    }
    func each(_ value: (DeviceStatistics) -> Double) -> [([(String, String)], Double)] {
      metrics.map { (labels($0.device.number), value($0.statistics)) }
    }
    text.add(
      "vrbridge_device_connected", .gauge, "1 for a connected device.",
      statuses.map { (labels($0.id.number), $0.isConnected ? 1 : 0) })
    text.add(
      "vrbridge_device_degraded", .gauge, "1 for a device that sends invalid reports, or none.",
      statuses.map { (labels($0.id.number), $0.isDegraded ? 1 : 0) })
    text.add(
      "vrbridge_device_battery", .gauge, "Battery level, 0 to 1.",
      statuses.map { (labels($0.id.number), $0.battery.map { Double($0.level) } ?? .nan) })
    text.add(
      "vrbridge_device_reports", .counter, "Reports read.",
      each { Double($0.reports.load(ordering: .relaxed)) })
    text.add(
      "vrbridge_device_decode_errors", .counter, "Reports that could not be decoded.",
      each { Double($0.decodeErrors.load(ordering: .relaxed)) })
    text.add(
      "vrbridge_device_lost_samples", .counter, "Samples missing from the device's own count.",
      each { Double($0.lostSamples.load(ordering: .relaxed)) })
    text.add(
      "vrbridge_device_states", .counter, "Poses computed.",
      each { Double($0.states.load(ordering: .relaxed)) })
    text.add(
      "vrbridge_device_gaps", .counter,
      "Gaps between samples of a second or longer, and jumps of the device's clock.",
      each { Double($0.gaps.load(ordering: .relaxed)) })
    text.add(
      "vrbridge_fusion_seconds", "Time from reading a report until its pose is in the page.", unit: "seconds",
      metrics.map { (labels($0.device.number), $0.statistics.latency) })
    text.add(
      "vrbridge_device_clock_usable", .gauge,
      "1 while samples have the times of the device's clock, 0 while they have those of arrival.",
      each { $0.clockDefect.load(ordering: .relaxed) == 0 ? 1 : 0 })
    text.add(
      "vrbridge_device_clock_residual_seconds", .gauge, "Spread of report arrivals about the device's clock.",
      unit: "seconds", each { $0.clockResidual.value })
    text.add(
      "vrbridge_device_clock_skew_ratio", .gauge, "Rate of the device's clock against nominal.",
      unit: "ratio",
      each { $0.clockSkew.value })
    text.add(
      "vrbridge_device_measurements", .counter, "External pose measurements, by outcome.",
      metrics.flatMap { device, statistics, _ in
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
      "Rotation at rest, and corrections by gravity and the magnetic field.",
      drifts.flatMap { kind, value in
        metrics.map { (labels($0.device.number) + [("against", kind)], value($0.statistics) * perMinute) }
      })
  }

  private func addRecording(_ text: inout OpenMetricsText) {
    let status = recording.status
    text.add("vrbridge_recording", .gauge, "1 while a session is recorded.", [([], status.isRunning ? 1 : 0)])
    text.add(
      "vrbridge_recorded_bytes", .gauge, "Size of the running recording, or of the last.", unit: "bytes",
      [([], Double(status.bytes))])
    text.add(
      "vrbridge_recording_dropped_records", .gauge, "Records dropped because the recorder's queue was full.",
      [([], Double(status.dropped))])
    text.add(
      "vrbridge_recording_queue_bytes", .gauge, "Bytes waiting to be written to disk.", unit: "bytes",
      [([], Double(status.queued))])
  }

  private func addModels(_ text: inout OpenMetricsText) async {
    let all = await models.metrics
    func each(_ value: (ModelMetrics) -> Double) -> [([(String, String)], Double)] {
      all.map { ([("model", $0.name), ("version", $0.version)], value($0.metrics)) }
    }
    text.add("vrbridge_model_runs", .counter, "Inferences.", each { Double($0.runs) })
    text.add("vrbridge_model_failures", .counter, "Inferences that failed.", each { Double($0.failures) })
    text.add(
      "vrbridge_model_dropped", .counter, "Inputs replaced by newer ones before they ran.",
      each { Double($0.dropped) })
    text.add(
      "vrbridge_model_seconds", .counter, "Total time of inferences.", unit: "seconds", each { $0.seconds })
    text.add(
      "vrbridge_model_latency_seconds", .gauge, "Latency of the last 512 inferences, by quantile.",
      unit: "seconds",
      [0.5, 0.95, 0.99].flatMap { share in
        all.map { model in
          (
            [("model", model.name), ("version", model.version), ("quantile", String(share))],
            (model.metrics.latency(share) ?? .nan) / 1000
          )
        }
      })
    text.add(
      "vrbridge_inferences_waiting", .gauge, "Inferences waiting for a worker.",
      [([], Double(models.gates.waiting))])
  }

  private func addConfinedProcesses(_ text: inout OpenMetricsText) {
    let counts = processes.counts
    func each(_ value: (SandboxCounts) -> UInt64) -> [([(String, String)], Double)] {
      counts.map { ([("work", $0.name)], Double(value($0.counts))) }
    }
    text.add(
      "vrbridge_sandbox_starts", .counter, "Starts of confined processes, by their work.", each { $0.starts })
    text.add("vrbridge_sandbox_requests", .counter, "Requests to confined processes.", each { $0.requests })
    text.add(
      "vrbridge_sandbox_failures", .counter, "Requests to confined processes without a result, by cause.",
      counts.flatMap { name, counts in
        [
          ("timeout", counts.timeouts), ("ended", counts.deaths), ("invalid", counts.invalidAnswers),
          ("busy", counts.refused),
        ].map { ([("work", name), ("cause", $0)], Double($1)) }
      })
    text.add(
      "vrbridge_sandbox_confined", .gauge,
      "1 when system calls of the confined process are filtered, 0 when the kernel cannot.",
      counts.compactMap { name, counts in
        counts.confinement.map { ([("work", name)], $0.filtersCalls ? 1 : 0) }
      })
  }

  private func addProcess(_ text: inout OpenMetricsText) {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let resident = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    text.add(
      "process_resident_memory_bytes", .gauge, "Resident memory.", unit: "bytes",
      [([], resident.flatMap { Double($0.filter(\.isNumber)) }.map { $0 * 1024 } ?? .nan)])
    text.add(
      "process_cpu_seconds", .counter, "Processor time.", unit: "seconds", [([], Double(clock()) / 1e6)])
    let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count
    text.add(
      "process_open_fds", .gauge, "Open file descriptors.", [([], descriptors.map(Double.init) ?? .nan)])
  }
}
