import CLinux
import Devices
import Diagnostics
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
  private let devices: @Sendable () -> [TrackingRecordSource.Device]
  private let configuration: @Sendable () -> String
  private let recordedLog: RecordedLog
  private let log: Logger
  private let running = Mutex<Running?>(nil)

  /// - Parameters:
  ///   - configuration: the configuration in force, as YAML, which every session holds; made at the start of each.
  ///   - devices: returns the statistics and controls of every device.
  package init(
    loop: TrackingLoop, configuration: @autoclosure @escaping @Sendable () -> String,
    recordedLog: RecordedLog, log: Logger,
    devices: @escaping @Sendable () -> [TrackingRecordSource.Device]
  ) {
    self.loop = loop
    self.configuration = configuration
    self.recordedLog = recordedLog
    self.log = log
    self.devices = devices
  }

  /// Starts a recording.
  public func start(_ plan: RecordingPlan) throws(RecordingError) {
    try start(plan, makeFile: { path throws(OutputError) in try DiskFile(creating: path) })
  }

  package func start(
    _ plan: RecordingPlan, makeFile: @escaping @Sendable (String) throws(OutputError) -> any OutputFile
  ) throws(RecordingError) {
    guard plan.path.hasPrefix("/") else {
      throw RecordingError(
        .relativePath,
        problem: "the path '\(plan.path)' of the recording is not absolute; begin it with '/'")
    }
    let problem: RecordingError? = running.withLock { running in
      if let running, running.recorder.currentStatus.isRunning {
        return RecordingError(
          .alreadyRunning,
          problem: "a recording to \(running.recorder.plan.path) is running; stop it first")
      }
      running?.thread.join()
      guard let ring = ByteRing(capacity: plan.buffer) else {
        return RecordingError(
          .outOfMemory, problem: "there is no memory for the recorder's queue of \(plan.buffer) bytes")
      }
      let loop = loop
      let tap = RecordingTap(
        ring: ring, streams: plan.streams, describeAll: { [unowned loop] in loop.describe(to: $0) })
      let recorder: Recorder
      do throws(OutputError) {
        recorder = try Recorder(
          plan: plan, source: TrackingRecordSource(tap: tap, devices: devices),
          preamble: Recorder.Preamble(information: hostInformation(), configuration: configuration()),
          hooks: Recorder.Hooks(
            makeFile: makeFile, requestStop: { loop.post { $0.stopRecording() } },
            requestSplit: { loop.post { $0.splitRecording() } },
            onEnd: { [unowned self] in self.ended($0) }))
      } catch { return RecordingError(.unwritable, problem: error.description) }
      running = Running(recorder: recorder, thread: WorkerThread(name: "recorder", recorder.run))
      recordedLog.connect(recorder)
      guard loop.post({ $0.startRecording(tap) }) else {
        tap.close()
        return RecordingError(.trackingEnded, problem: "the tracking loop has ended; restart the bridge")
      }
      return nil
    }
    if let problem { throw problem }
    log.info("recording started", metadata: ["file": "\(plan.path)"])
  }

  /// Ends the recording; its file is complete when `status` is no longer running.
  public func requestStop() { loop.post { $0.stopRecording() } }

  /// Ends the recording and waits until its file is complete.
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

  /// Of the running recording, else of the last one.
  public var status: RecordingStatus {
    running.withLock { $0?.recorder.currentStatus } ?? last.withLock { $0 }
  }

  /// Whether a running recording includes the stream.
  public func records(_ stream: RecordedStream) -> Bool {
    running.withLock { $0?.recorder.plan.streams.contains(stream) ?? false }
  }

  /// Adds a frame, audio, an annotation or another record to the running recording.
  public func submit(_ record: any QueuedRecord) { running.withLock { $0?.recorder }?.submit(record) }
}
