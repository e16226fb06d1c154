import CLinux
import Foundation
import Glibc
import MCAP
import Sensing
import Spatial
import SwiftProtobuf
import Synchronization

/// Takes records out of their queues and writes them to the files of a recording, on a thread of its own.
///
/// Every record is in a chunk on the disk a tenth of a second after it happened: a killed process or a power failure
/// costs no more than that, plus what the disk had not stored.
///
/// `@unchecked Sendable`: unsynchronised members belong to the recorder's thread.
package final class Recorder: @unchecked Sendable {
  /// What every file of the recording begins with.
  package struct Preamble: Sendable {
    /// The metadata record `session`.
    package var information: [String: String]
    /// The configuration in force, as YAML.
    package var configuration: String

    package init(information: [String: String], configuration: String) {
      self.information = information
      self.configuration = configuration
    }
  }

  /// The recorder's effects outside of itself.
  package struct Hooks: Sendable {
    /// Makes the file at a path.
    package var makeFile: @Sendable (String) throws(OutputError) -> any OutputFile
    /// Requests that the tracking thread closes the source.
    package var requestStop: @Sendable () -> Void
    /// Requests that the tracking thread marks the end of a file, and describes every device for the next.
    package var requestSplit: @Sendable () -> Void
    /// Runs once, on the recorder's thread, after the last file was finished.
    package var onEnd: @Sendable (RecordingStatus) -> Void

    package init(
      makeFile: @escaping @Sendable (String) throws(OutputError) -> any OutputFile,
      requestStop: @escaping @Sendable () -> Void, requestSplit: @escaping @Sendable () -> Void,
      onEnd: @escaping @Sendable (RecordingStatus) -> Void
    ) {
      self.makeFile = makeFile
      self.requestStop = requestStop
      self.requestSplit = requestSplit
      self.onEnd = onEnd
    }
  }

  private static let flushPeriod: Int64 = 100_000_000  // ns
  private static let statisticsPeriod: Int64 = 1_000_000_000  // ns
  private static let drainPeriod: UInt32 = 10_000  // µs

  package let plan: RecordingPlan
  /// The open file; nil after an error, when further records are discarded.
  package private(set) var file: RecordingFile?
  private let source: any RecordSource
  private let queue: RecordQueue
  private let preamble: Preamble
  private let hooks: Hooks
  private let status: Mutex<RecordingStatus>
  private let started: Int64

  private var fileNumber = 0
  private var earlierBytes: UInt64 = 0
  private var earlierMessages: UInt64 = 0
  private var isStopRequested = false
  private var isSplitRequested = false
  private var loggedDrops: UInt64 = 0

  /// Makes the first file.
  package init(
    plan: RecordingPlan, source: any RecordSource, preamble: Preamble, hooks: Hooks
  ) throws(OutputError) {
    self.plan = plan
    self.source = source
    self.preamble = preamble
    self.hooks = hooks
    queue = RecordQueue(limit: plan.buffer)
    started = linux_monotonic_ns()
    var first = RecordingStatus()
    first.path = plan.path
    first.isRunning = true
    status = Mutex(first)
    try openFile()
    updateStatus(started)
  }

  package var currentStatus: RecordingStatus { status.withLock { $0 } }

  /// Takes a record, from any thread. Drops it when the recording does not include its stream, or counts it as dropped
  /// when the queue is full.
  package func submit(_ record: any QueuedRecord) {
    if plan.streams.contains(record.stream) { queue.push(record) }
  }

  // MARK: the thread

  /// The thread's body; returns when the source was closed and its last record is written.
  package func run() {
    linux_name_thread("recorder")
    var nextFlush = started
    var nextStatistics = started
    while true {
      // Read before the queue: records that wait when the source is closed are the last.
      let isLast = source.isClosed
      do {
        try drain()
        let now = linux_monotonic_ns()
        if now >= nextStatistics {
          nextStatistics = now + Self.statisticsPeriod
          try writeStatistics(now)
        }
        if now >= nextFlush {
          try file?.writer.flush(sync: true)
          nextFlush = linux_monotonic_ns() + Self.flushPeriod
          try limit(now)
          updateStatus(now)
        }
        if isLast {
          try writeStatistics(now)
          try file?.writer.finish()
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
    hooks.onEnd(last)
    status.withLock { $0.isRunning = false }
  }

  /// Ends the recording after an error; tracking goes on. Further records are discarded until the source is closed.
  private func fail(_ error: OutputError) {
    guard let file else { return }
    let isWhole = file.writer.abandon()
    earlierBytes += file.writer.size
    self.file = nil
    let cause =
      error.isFull
      ? "the disk is full: the recording was stopped" : "the recording was stopped: \(error)"
    let state =
      isWhole ? "the file is complete up to here" : "'vrbridge recover' makes the file readable"
    status.withLock { $0.failure = "\(cause); \(state)" }
    requestStop()
  }

  private func requestStop() {
    guard !isStopRequested else { return }
    isStopRequested = true
    hooks.requestStop()
  }

  private func openFile() throws(OutputError) {
    fileNumber += 1
    let output = try hooks.makeFile(plan.file(fileNumber))
    var information = preamble.information
    information["file_number"] = String(fileNumber)
    information["streams"] = plan.streams.map(\.rawValue).sorted().joined(separator: ",")
    let writer = try SessionWriter(output, information: information)
    let now = Timestamp(nanoseconds: linux_monotonic_ns())
    try writer.attach(
      Array(preamble.configuration.utf8), name: "vrbridge.yaml", mediaType: "application/yaml", at: now)
    file = RecordingFile(writer, started: now, headDevice: file?.headDevice)
    status.withLock { $0.files = fileNumber }
  }

  /// Finishes the open file and begins the next one of a split recording.
  package func beginNextFile() throws(OutputError) {
    guard let file else { return }
    try file.writer.finish()
    earlierBytes += file.writer.size
    earlierMessages += file.writer.messageCount
    isSplitRequested = false
    try openFile()
  }

  /// Requests the end or a split when the plan's limits are reached.
  private func limit(_ now: Int64) throws(OutputError) {
    let size = earlierBytes + (file?.writer.size ?? 0)
    if let duration = plan.duration, Double(now - started) * 1e-9 >= duration { requestStop() }
    if let most = plan.maximumSize, size >= most { requestStop() }
    guard !isSplitRequested, !isStopRequested, let file else { return }
    let isFull = plan.splitSize.map { file.writer.size >= $0 } ?? false
    let isLong = plan.splitTime.map { Double(now - file.started.nanoseconds) * 1e-9 >= $0 } ?? false
    if isFull || isLong {
      isSplitRequested = true
      hooks.requestSplit()
    }
  }

  private func updateStatus(_ now: Int64) {
    var room = statvfs()
    let free =
      statvfs(plan.file(max(1, fileNumber)), &room) == 0 ? UInt64(room.f_bavail) * UInt64(room.f_frsize) : 0
    let queued = source.queuedBytes + queue.bytes
    let dropped = source.dropped + queue.dropped
    status.withLock { status in
      status.bytes = earlierBytes + (file?.writer.size ?? 0)
      status.messages = earlierMessages + (file?.writer.messageCount ?? 0)
      status.seconds = Double(now - started) * 1e-9
      status.dropped = dropped
      status.queued = queued
      status.mostQueued = max(status.mostQueued, queued)
      status.free = free
    }
  }

  // MARK: records

  private func drain() throws(OutputError) {
    let waiting = source.queuedBytes
    status.withLock { $0.mostQueued = max($0.mostQueued, waiting) }
    try source.drain(into: self)
    for record in queue.takeAll() { if let file { try record.write(to: file) } }
  }

  private func writeStatistics(_ now: Int64) throws(OutputError) {
    guard let file else { return }
    let time = Timestamp(nanoseconds: now)
    if plan.streams.contains(.figures) { try source.writeStatistics(to: file, at: time) }
    let status = currentStatus
    let dropped = source.dropped + queue.dropped
    try file.writer.write(
      Vrbridge_Session_Recorder.with {
        $0.timeNs = now
        $0.bytesWritten = earlierBytes + file.writer.size
        $0.queueBytes = UInt64(source.queuedBytes + queue.bytes)
        $0.queueBytesMost = UInt64(status.mostQueued)
        $0.droppedRecords = dropped
      }, on: .recorder, at: time)
    if dropped > loggedDrops {
      try file.writer.write(
        log: "\(dropped - loggedDrops) records did not fit into the recorder's queue", level: .warning,
        name: "recorder", at: time)
      loggedDrops = dropped
    }
  }
}
