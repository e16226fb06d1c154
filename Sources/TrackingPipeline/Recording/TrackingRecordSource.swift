import Foundation
import MCAP
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import Synchronization

/// Writes the records that a recording tap queued, on the recorder's thread.
///
/// `@unchecked Sendable`: the tables belong to the recorder's thread; the tap is synchronised.
package final class TrackingRecordSource: RecordSource, @unchecked Sendable {
  package typealias Device = (device: DeviceID, statistics: DeviceStatistics, controls: [Control])

  private let tap: RecordingTap
  private let devices: @Sendable () -> [Device]
  private var partNames: [UInt64: String] = [:]
  private var controls: [UInt32: [Control]] = [:]

  /// - Parameter devices: returns the statistics and controls of every device.
  package init(tap: RecordingTap, devices: @escaping @Sendable () -> [Device]) {
    self.tap = tap
    self.devices = devices
  }

  package var isClosed: Bool { tap.isClosed }
  package var queuedBytes: Int { tap.ring.used }
  package var dropped: UInt64 { tap.dropped }

  package func drain(into recorder: Recorder) throws(OutputError) {
    // Read before the last records are taken: nothing follows them.
    let isLast = tap.isClosed
    var failure: OutputError?
    while failure == nil {
      let hasRecord = tap.ring.pop { bytes in
        do throws(OutputError) { try self.write(bytes, to: recorder) } catch { failure = error }
      }
      if !hasRecord { break }
    }
    if let failure { throw failure }
    if isLast, let loss = tap.takeLastLoss(), let file = recorder.file {
      try write(loss, at: Timestamp(nanoseconds: loss.until), to: file)
    }
  }

  private func write(
    _ loss: RecordingTap.Loss, at time: Timestamp, to file: RecordingFile
  ) throws(OutputError) {
    try file.write(at: time) {
      $0.loss.records = loss.records
      $0.loss.bytes = loss.bytes
      $0.loss.fromNs = loss.since
    }
  }

  package func writeStatistics(to file: RecordingFile, at time: Timestamp) throws(OutputError) {
    for (device, statistics, _) in devices() {
      try file.writer.write(
        Vrbridge_Session_Figures(statistics, at: time.nanoseconds), on: .figures(device: device.number),
        at: time)
    }
  }

  private func write(_ bytes: UnsafeRawBufferPointer, to recorder: Recorder) throws(OutputError) {
    guard let base = bytes.baseAddress, let kind = RecordingTap.Kind(rawValue: bytes[14]) else { return }
    let head = base.loadUnaligned(as: RecordingTap.Head.self)
    let body = UnsafeRawBufferPointer(rebasing: bytes[RecordingTap.Head.size...])
    func word(_ index: Int) -> UInt64 { body.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
    // Taken even when it is discarded, so that the tap frees it.
    let attachment: RecordingTap.Attachment? =
      switch kind {
      case .partOpened, .snapshot: tap.take(word(0))
      default: nil
      }
    guard let file = recorder.file else { return }
    let time = Timestamp(nanoseconds: head.time)
    switch kind {
    case .report:
      let name = partNames[UInt64(head.device) << 16 | UInt64(head.part)] ?? "part-\(head.part)"
      try file.writer.write(report: body, device: head.device, part: UInt32(head.part), name: name)
    case .state: try file.writer.write(state: body, device: head.device)
    case .control:
      let table = controls[head.device] ?? []
      let change = Vrbridge_Session_ControlChange(
        control: Int(head.part), path: Int(head.part) < table.count ? table[Int(head.part)].path : "",
        value: Float(bitPattern: UInt32(truncatingIfNeeded: word(0))), at: head.time)
      try file.writer.write(change, on: .control(device: head.device), at: time)
    case .battery:
      try file.write(at: time) {
        $0.battery.deviceID = head.device
        $0.battery.level = Float(bitPattern: UInt32(truncatingIfNeeded: word(0)))
        $0.battery.isCharging = head.detail != 0
      }
    case .link:
      try file.write(at: time) {
        $0.link.deviceID = head.device
        $0.link.isUp = head.detail != 0
      }
    case .health:
      try file.write(at: time) {
        $0.health.deviceID = head.device
        $0.health.isDegraded = head.detail != 0
      }
    case .limitation:
      let packed = PackedLimitation(words: (word(0), word(1), word(2)))
      try file.write(at: time) {
        $0.health = Vrbridge_Session_Health(
          packed.limitation, isActive: packed.isActive, device: head.device)
      }
    case .partOpened:
      guard case .part(let record, let isUpdate) = attachment else { return }
      try opened(record, head, isUpdate: isUpdate, in: file)
    case .partClosed:
      try file.write(at: time) {
        $0.partClosed.deviceID = head.device
        $0.partClosed.part = UInt32(head.part)
        $0.partClosed.code = Int32(truncatingIfNeeded: word(0))
      }
    case .role:
      try file.write(at: time) {
        $0.roleChanged.deviceID = head.device
        $0.roleChanged.role = DeviceRole(rawValue: head.detail)?.name ?? ""
      }
    case .recentered: try file.write(at: time) { $0.recentered.deviceID = head.device }
    case .snapshot:
      guard case .snapshot(let snapshot) = attachment else { return }
      let bytes = snapshot.bytes
      try file.write(at: time) {
        $0.snapshot.deviceID = head.device
        $0.snapshot.version = DeviceSnapshot.version
        $0.snapshot.words = Data(bytes)
      }
    case .loss:
      let loss = RecordingTap.Loss(
        records: word(0), bytes: word(1), since: Int64(bitPattern: word(2)), until: head.time)
      try write(loss, at: time, to: file)
    case .measured:
      try file.write(at: time) {
        $0.placeMeasured = MeasurementRecord.message(
          body, device: head.device, hasOrientation: head.detail != 0)
      }
    case .split: try recorder.beginNextFile()
    }
  }

  private func opened(
    _ record: OpenedPartRecord, _ head: RecordingTap.Head, isUpdate: Bool, in file: RecordingFile
  ) throws(OutputError) {
    let role = DeviceRole(rawValue: head.detail) ?? .none
    if role == .head { file.headDevice = head.device }
    partNames[UInt64(head.device) << 16 | UInt64(head.part)] = record.partName
    for entry in devices() { controls[entry.device.number] = entry.controls }
    try record.write(
      to: file.writer, device: head.device, role: role, isUpdate: isUpdate,
      at: Timestamp(nanoseconds: head.time))
  }
}

extension Vrbridge_Session_Health {
  init(_ limitation: TrackingLimitation, isActive: Bool, device: UInt32) {
    self.init()
    deviceID = device
    isDegraded = isActive
    reason = limitation.text
  }
}

extension Vrbridge_Session_Figures {
  package init(_ statistics: DeviceStatistics, at time: Int64) {
    self.init()
    timeNs = time
    reports = statistics.reports.load(ordering: .relaxed)
    decodeErrors = statistics.decodeErrors.load(ordering: .relaxed)
    lostSamples = statistics.lostSamples.load(ordering: .relaxed)
    opticalSamples = statistics.opticalSamples.load(ordering: .relaxed)
    measurements = statistics.measurements.load(ordering: .relaxed)
    measurementsRejected = statistics.measurementsRejected.load(ordering: .relaxed)
    measurementDelayMs = statistics.measurementDelay.value * 1e3
    measurementConsistency = statistics.measurementConsistency.value
    clockResidualUs = statistics.clockResidual.value * 1e6
    clockSkewPpm = statistics.clockSkew.value * 1e6
    let degreesPerMinute = 60 * 180 / Double.pi
    driftAtRestDegMin = statistics.driftAtRest.value * degreesPerMinute
    driftAgainstGravityDegMin = statistics.driftAgainstGravity.value * degreesPerMinute
    driftAgainstFieldDegMin = statistics.driftAgainstField.value * degreesPerMinute
    gyroscopeNoiseDeg = statistics.gyroscopeNoise.value * 180 / .pi
    (biasX, biasY, biasZ) = (
      statistics.gyroscopeBias.x, statistics.gyroscopeBias.y, statistics.gyroscopeBias.z
    )
  }
}
