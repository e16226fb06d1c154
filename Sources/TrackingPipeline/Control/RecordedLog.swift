import CLinux
import Logging
import SessionLog
import Spatial
import Synchronization

/// Adds lines of the log to the session that is being recorded.
package final class RecordedLog: Sendable {
  private let recorder = Mutex<Recorder?>(nil)

  package init() {}

  package func connect(_ recorder: Recorder?) { self.recorder.withLock { $0 = recorder } }

  package func write(_ text: String, level: Logger.Level) {
    guard let target = recorder.withLock({ $0 }) else { return }
    target.submit(
      LogRecord(
        text: text, level: level == .warning ? .warning : level == .error ? .error : .fatal, name: "vrbridge",
        time: Timestamp(nanoseconds: linux_monotonic_ns())))
  }
}
