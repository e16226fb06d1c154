import CLinux
import Foundation
import Glibc
import Logging
import MCAP
import Sensing
import SessionLog
import Spatial
import Synchronization

/// Starts and stops recordings; one runs at a time.
public final class RecordingControl: Sendable {
  private struct Running {
    var recorder: Recorder
    var thread: WorkerThread
  }

  private let loop: TrackingLoop
  private let figures: @Sendable () -> [(device: DeviceID, statistics: DeviceStatistics, controls: [Control])]
  private let configuration: Configuration
  private let recordedLog: RecordedLog
  private let log: Logger
  private let running = Mutex<Running?>(nil)

  init(
    loop: TrackingLoop, configuration: Configuration, recordedLog: RecordedLog, log: Logger,
    figures: @escaping @Sendable () -> [(device: DeviceID, statistics: DeviceStatistics, controls: [Control])]
  ) {
    self.loop = loop
    self.configuration = configuration
    self.recordedLog = recordedLog
    self.log = log
    self.figures = figures
  }

  /// Who records, where and when.
  static func information() -> [String: String] {
    var name = utsname()
    uname(&name)
    func text<Tuple>(_ tuple: Tuple) -> String {
      withUnsafeBytes(of: tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let monotonic = linux_monotonic_ns()
    let realtime = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    return [
      "library": "vrbridge \(ProductVersion.text)", "version": ProductVersion.text, "format": "1",
      "host": text(name.nodename), "kernel": "\(text(name.sysname)) \(text(name.release))",
      "machine": text(name.machine), "started": ISO8601DateFormatter().string(from: Date()),
      "started_ns": String(monotonic), "realtime_offset_ns": String(realtime - monotonic),
    ]
  }

  /// - Throws: a sentence when a recording runs already or the file can't be made.
  public func start(_ plan: RecordingPlan) throws(RecordingFault) {
    try start(plan, makeFile: { path throws(OutputError) in try DiskFile(creating: path) })
  }

  func start(
    _ plan: RecordingPlan, makeFile: @escaping @Sendable (String) throws(OutputError) -> any OutputFile
  ) throws(RecordingFault) {
    guard plan.path.hasPrefix("/") else {
      throw RecordingFault("the path '\(plan.path)' of the recording is not absolute")
    }
    let problem: RecordingFault? = running.withLock { running in
      if let running, running.recorder.currentStatus.isRunning {
        return RecordingFault("a recording to \(running.recorder.plan.path) is running; stop it first")
      }
      running?.thread.join()
      guard let ring = ByteRing(capacity: plan.buffer) else {
        return RecordingFault("there is no memory for the recorder's queue of \(plan.buffer) bytes")
      }
      let loop = loop
      let tap = RecordingTap(
        ring: ring, streams: plan.streams, describeAll: { [unowned loop] in loop.describe(to: $0) })
      let recorder: Recorder
      do throws(OutputError) {
        recorder = try Recorder(
          plan: plan, tap: tap, information: Self.information(), configuration: configuration.text(),
          figures: figures, makeFile: makeFile, onEnd: { [unowned self] in self.ended($0) },
          requestStop: { loop.post { $0.stopRecording() } },
          requestSplit: { loop.post { $0.splitRecording() } })
      } catch { return RecordingFault(error.description) }
      running = Running(recorder: recorder, thread: WorkerThread(name: "recorder", recorder.run))
      recordedLog.connect(recorder)
      loop.post { $0.startRecording(tap) }
      return nil
    }
    if let problem { throw problem }
    log.info("recording started", metadata: ["file": "\(plan.path)"])
  }

  /// Ends the recording; its file is whole when the status says that it does not run any more.
  public func requestStop() { loop.post { $0.stopRecording() } }

  /// Ends the recording and waits until its file is whole.
  @discardableResult
  public func stop() -> RecordingStatus {
    requestStop()
    running.withLock { running in
      running?.thread.join()
      running = nil
    }
    return status
  }

  private let last = Mutex(RecordingStatus())

  private func ended(_ status: RecordingStatus) {
    recordedLog.connect(nil)
    last.withLock { $0 = status }
    if let failure = status.failure {
      log.error("\(failure)", metadata: ["file": "\(status.path)"])
    } else {
      log.info("recording ended", metadata: ["file": "\(status.path)", "bytes": "\(status.bytes)"])
    }
  }

  /// Of the recording that runs, else of the last.
  public var status: RecordingStatus {
    running.withLock { $0?.recorder.currentStatus } ?? last.withLock { $0 }
  }

  /// Whether a recording runs that wants the stream.
  public func records(_ stream: RecordedStream) -> Bool {
    running.withLock { $0?.recorder.plan.streams.contains(stream) ?? false }
  }

  /// For frames, audio and annotations.
  public func submit(_ record: SideRecord) { running.withLock { $0?.recorder }?.submit(record) }
}

/// Why a recording does not begin, in a sentence.
public struct RecordingFault: Error, Sendable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}
