import CLinux
import Foundation
import Glibc
import MCAP
import Sensing
import SessionLog
import Spatial
import Synchronization
import SwiftProtobuf

/// Takes records out of the queue and writes them, on a thread of its own.
///
/// A tenth of a second after it happened, everything is in a chunk on the disk: a process that is killed, or a machine
/// that loses its power, loses no more than that and what the disk took for it.
///
/// `@unchecked Sendable`: what is not synchronised belongs to the recorder's thread.
final class Recorder: @unchecked Sendable {
  /// Seconds.
  private static let flushPeriod = 0.1
  private static let drainPeriod: UInt32 = 10_000  // µs
  private static let figuresPeriod = 1.0

  let plan: RecordingPlan
  let tap: RecordingTap
  private let side: SideQueue
  private let information: [String: String]
  private let configuration: String
  /// Devices' figures by number.
  private let figures: @Sendable () -> [(device: DeviceID, statistics: DeviceStatistics, controls: [Control])]
  private let makeFile: @Sendable (String) throws(OutputError) -> any OutputFile
  /// Asks the tracking thread to close the tap, or to describe all devices for the next file.
  private let requestStop: @Sendable () -> Void
  private let requestSplit: @Sendable () -> Void
  private let onEnd: @Sendable (RecordingStatus) -> Void
  private let status: Mutex<RecordingStatus>
  private let started: Int64

  private var writer: SessionWriter?
  private var partNames: [UInt64: String] = [:]
  private var controls: [UInt32: [Control]] = [:]
  /// Lenses that are in the file.
  private var lenses: [String: CameraModel] = [:]
  private var headDevice: UInt32?
  private var fileNumber = 0
  private var fileStarted: Int64
  private var earlierBytes: UInt64 = 0
  private var earlierMessages: UInt64 = 0
  private var isStopRequested = false
  private var isSplitRequested = false
  private var toldDrops: UInt64 = 0

  init(
    plan: RecordingPlan, tap: RecordingTap, information: [String: String], configuration: String,
    figures:
      @escaping @Sendable () -> [(device: DeviceID, statistics: DeviceStatistics, controls: [Control])],
    makeFile: @escaping @Sendable (String) throws(OutputError) -> any OutputFile = {
      path throws(OutputError) in try DiskFile(creating: path)
    },
    onEnd: @escaping @Sendable (RecordingStatus) -> Void = { _ in },
    requestStop: @escaping @Sendable () -> Void, requestSplit: @escaping @Sendable () -> Void
  ) throws(OutputError) {
    self.plan = plan
    self.tap = tap
    self.information = information
    self.configuration = configuration
    self.figures = figures
    self.makeFile = makeFile
    self.onEnd = onEnd
    self.requestStop = requestStop
    self.requestSplit = requestSplit
    side = SideQueue(limit: plan.buffer)
    started = linux_monotonic_ns()
    fileStarted = started
    var first = RecordingStatus()
    first.path = plan.path
    first.isRunning = true
    status = Mutex(first)
    try openFile()
    updateStatus(started)
  }

  var currentStatus: RecordingStatus { status.withLock { $0 } }

  /// From any thread; dropped when the recording does not want it or is behind.
  func submit(_ record: SideRecord) { if plan.streams.contains(record.stream) { side.push(record) } }

  // MARK: the thread

  func run() {
    linux_name_thread("recorder")
    var nextFlush = started
    var nextFigures = started
    let flush = Int64(Self.flushPeriod * 1e9)
    while true {
      // Read before the queue: what is in it when the tap is closed is all that comes.
      let isLast = tap.isClosed
      do {
        try drain()
        let now = linux_monotonic_ns()
        if now >= nextFigures {
          nextFigures = now + Int64(Self.figuresPeriod * 1e9)
          try writeFigures(now)
        }
        if now >= nextFlush {
          try writer?.flush(sync: true)
          nextFlush = linux_monotonic_ns() + flush
          try limit(now)
          updateStatus(now)
        }
        if isLast {
          try writeFigures(now)
          try writer?.finish()
          updateStatus(now)
          break
        }
      } catch {
        fail(error)
        if isLast { break }
      }
      usleep(Self.drainPeriod)
    }
    var last = currentStatus
    last.isRunning = false
    onEnd(last)
    status.withLock { $0.isRunning = false }
  }

  /// The recording ends; tracking goes on. What still comes is thrown away until the tap is closed.
  private func fail(_ error: OutputError) {
    guard let writer else { return }
    let isWhole = writer.abandon()
    earlierBytes += writer.size
    self.writer = nil
    let words =
      error.isFull
      ? "the disk is full: the recording was stopped" : "the recording was stopped: \(error)"
    let state = isWhole ? "the file is whole up to here" : "'vrbridge recover' makes the file whole"
    status.withLock { $0.failure = "\(words); \(state)" }
    askToStop()
  }

  private func askToStop() {
    guard !isStopRequested else { return }
    isStopRequested = true
    requestStop()
  }

  private func openFile() throws(OutputError) {
    fileNumber += 1
    let path = plan.file(fileNumber)
    let file = try makeFile(path)
    var information = information
    information["file_number"] = String(fileNumber)
    information["streams"] = plan.streams.map(\.rawValue).sorted().joined(separator: ",")
    let writer = try SessionWriter(file, information: information)
    let now = Timestamp(nanoseconds: linux_monotonic_ns())
    try writer.attach(
      Array(configuration.utf8), name: "vrbridge.yaml", mediaType: "application/yaml", at: now)
    self.writer = writer
    fileStarted = now.nanoseconds
    lenses = [:]
    status.withLock { $0.files = fileNumber }
  }

  private func limit(_ now: Int64) throws(OutputError) {
    let size = earlierBytes + (writer?.size ?? 0)
    if let duration = plan.duration, Double(now - started) * 1e-9 >= duration { askToStop() }
    if let most = plan.maximumSize, size >= most { askToStop() }
    guard !isSplitRequested, !isStopRequested, let writer else { return }
    let isFull = plan.splitSize.map { writer.size >= $0 } ?? false
    let isLong = plan.splitTime.map { Double(now - fileStarted) * 1e-9 >= $0 } ?? false
    if isFull || isLong {
      isSplitRequested = true
      requestSplit()
    }
  }

  private func updateStatus(_ now: Int64) {
    var room = statvfs()
    let free =
      statvfs(plan.file(max(1, fileNumber)), &room) == 0 ? UInt64(room.f_bavail) * UInt64(room.f_frsize) : 0
    let queued = tap.ring.used + side.bytes
    let dropped = tap.dropped + side.dropped
    status.withLock { status in
      status.bytes = earlierBytes + (writer?.size ?? 0)
      status.messages = earlierMessages + (writer?.messageCount ?? 0)
      status.seconds = Double(now - started) * 1e-9
      status.dropped = dropped
      status.queued = queued
      status.mostQueued = max(status.mostQueued, queued)
      status.free = free
    }
  }

  // MARK: records

  private func drain() throws(OutputError) {
    let waiting = tap.ring.used
    status.withLock { $0.mostQueued = max($0.mostQueued, waiting) }
    var failure: OutputError?
    while failure == nil {
      let isThere = tap.ring.pop { bytes in
        do throws(OutputError) { try self.write(bytes) } catch { failure = error }
      }
      if !isThere { break }
    }
    if let failure { throw failure }
    for record in side.takeAll() { try write(record) }
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    guard let base = bytes.baseAddress, let kind = RecordingTap.Kind(rawValue: bytes[14]) else { return }
    let head = base.loadUnaligned(as: RecordingTap.Head.self)
    let body = UnsafeRawBufferPointer(rebasing: bytes[RecordingTap.Head.size...])
    let time = Timestamp(nanoseconds: head.time)
    func word(_ index: Int) -> UInt64 { body.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
    func event(_ fill: (inout Vrbridge_Session_Event) -> Void) throws(OutputError) {
      var event = Vrbridge_Session_Event()
      event.timeNs = head.time
      fill(&event)
      try writer?.write(event, on: .events, at: time)
    }
    switch kind {
    case .report:
      let name = partNames[UInt64(head.device) << 16 | UInt64(head.part)] ?? "part-\(head.part)"
      try writer?.write(report: body, device: head.device, part: UInt32(head.part), name: name)
    case .state: try writer?.write(state: body, device: head.device)
    case .control:
      let table = controls[head.device] ?? []
      let change = Vrbridge_Session_ControlChange(
        control: Int(head.part), path: Int(head.part) < table.count ? table[Int(head.part)].path : "",
        value: Float(bitPattern: UInt32(truncatingIfNeeded: word(0))), at: head.time)
      try writer?.write(change, on: .control(device: head.device), at: time)
    case .battery:
      try event {
        $0.battery.deviceID = head.device
        $0.battery.level = Float(bitPattern: UInt32(truncatingIfNeeded: word(0)))
        $0.battery.isCharging = head.detail != 0
      }
    case .link:
      try event {
        $0.link.deviceID = head.device
        $0.link.isUp = head.detail != 0
      }
    case .health:
      try event {
        $0.health.deviceID = head.device
        $0.health.isDegraded = head.detail != 0
      }
    case .partOpened:
      guard case .part(let record, let isUpdate) = tap.take(word(0)) else { return }
      try opened(record, head, isUpdate: isUpdate)
    case .partClosed:
      try event {
        $0.partClosed.deviceID = head.device
        $0.partClosed.part = UInt32(head.part)
        $0.partClosed.code = Int32(truncatingIfNeeded: word(0))
      }
    case .role:
      try event {
        $0.roleChanged.deviceID = head.device
        $0.roleChanged.role = DeviceRole(rawValue: head.detail)?.name ?? ""
      }
    case .recentered: try event { $0.recentered.deviceID = head.device }
    case .snapshot:
      guard case .snapshot(let snapshot) = tap.take(word(0)) else { return }
      let bytes = snapshot.bytes
      try event {
        $0.snapshot.deviceID = head.device
        $0.snapshot.version = DeviceSnapshot.version
        $0.snapshot.words = Data(bytes)
      }
    case .loss:
      try event {
        $0.loss.records = word(0)
        $0.loss.bytes = word(1)
        $0.loss.fromNs = Int64(bitPattern: word(2))
      }
    case .measured:
      try event {
        $0.placeMeasured = MeasurementRecord.message(
          body, device: head.device, hasOrientation: head.detail != 0)
      }
    case .split:
      guard let writer else { return }
      try writer.finish()
      earlierBytes += writer.size
      earlierMessages += writer.messageCount
      isSplitRequested = false
      try openFile()
    }
  }

  private func opened(_ record: OpenedPartRecord, _ head: RecordingTap.Head, isUpdate: Bool)
    throws(OutputError)
  {
    guard let writer else { return }
    if DeviceRole(rawValue: head.detail) == .head { headDevice = head.device }
    partNames[UInt64(head.device) << 16 | UInt64(head.part)] = record.partName
    for entry in figures() { controls[entry.device.number] = entry.controls }
    try record.write(
      to: writer, device: head.device, role: DeviceRole(rawValue: head.detail) ?? .none, isUpdate: isUpdate,
      at: Timestamp(nanoseconds: head.time))
  }

  private func write(_ record: SideRecord) throws(OutputError) {
    guard let writer else { return }
    switch record {
    case .image(let data, let format, let camera, let captured, let received):
      try writer.write(image: data, format: format, camera: camera, captured: captured, received: received)
    case .lens(let model, let camera, let time):
      guard lenses[camera] != model else { return }
      lenses[camera] = model
      let parent = headDevice.map { "device-\($0)" } ?? "head"
      try writer.write(lens: model, camera: camera, parent: parent, at: time)
    case .audio(let data, let rate, let channels, let microphone, let captured, let received):
      try writer.write(
        audio: data, sampleRate: rate, channels: channels, microphone: microphone, captured: captured,
        received: received)
    case .imageAnnotations(let message, let camera, let time):
      try writer.write(message, on: .imageAnnotations(camera: camera), at: time)
    case .scene(let message, let time): try writer.write(message, on: .scene, at: time)
    case .speech(let message, let time): try writer.write(message, on: .speech, at: time)
    case .prompt(let text, let time):
      try writer.write(
        Foxglove_Log.with {
          $0.timestamp = time.protobuf
          $0.level = .info
          $0.name = "prompt"
          $0.message = text
        }, on: .prompts, at: time)
    case .written(let report, let device, let part, let isOutput, let time):
      var event = Vrbridge_Session_Event()
      event.timeNs = time.nanoseconds
      event.featureWritten.deviceID = device.number
      event.featureWritten.part = UInt32(part)
      event.featureWritten.report = Data(report)
      event.featureWritten.isOutput = isOutput
      try writer.write(event, on: .events, at: time)
    case .transition(let state, let reason, let device, let time):
      var event = Vrbridge_Session_Event()
      event.timeNs = time.nanoseconds
      event.transition.deviceID = device.number
      event.transition.state = state.name
      event.transition.reason = reason
      try writer.write(event, on: .events, at: time)
    case .log(let text, let level, let name, let time):
      try writer.write(log: text, level: level, name: name, at: time)
    }
  }

  private func writeFigures(_ now: Int64) throws(OutputError) {
    guard let writer else { return }
    let time = Timestamp(nanoseconds: now)
    if plan.streams.contains(.figures) {
      for (device, statistics, _) in figures() {
        try writer.write(
          Vrbridge_Session_Figures(statistics, at: now), on: .figures(device: device.number), at: time)
      }
    }
    let status = currentStatus
    let dropped = tap.dropped + side.dropped
    try writer.write(
      Vrbridge_Session_Recorder.with {
        $0.timeNs = now
        $0.bytesWritten = earlierBytes + writer.size
        $0.queueBytes = UInt64(tap.ring.used + side.bytes)
        $0.queueBytesMost = UInt64(status.mostQueued)
        $0.droppedRecords = dropped
      }, on: .recorder, at: time)
    if dropped > toldDrops {
      try writer.write(
        log: "\(dropped - toldDrops) records found no room in the recorder's queue", level: .warning,
        name: "recorder", at: time)
      toldDrops = dropped
    }
  }
}

extension Vrbridge_Session_Figures {
  init(_ statistics: DeviceStatistics, at time: Int64) {
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
    let degreesAMinute = 60 * 180 / Double.pi
    driftAtRestDegMin = statistics.driftAtRest.value * degreesAMinute
    driftAgainstGravityDegMin = statistics.driftAgainstGravity.value * degreesAMinute
    driftAgainstFieldDegMin = statistics.driftAgainstField.value * degreesAMinute
    gyroscopeNoiseDeg = statistics.gyroscopeNoise.value * 180 / .pi
    (biasX, biasY, biasZ) = (
      statistics.gyroscopeBias.x, statistics.gyroscopeBias.y, statistics.gyroscopeBias.z
    )
  }
}
