import CLinux
import Logging
import SessionLog
import Spatial
import Synchronization

/// Where log lines of warnings and errors go besides the log: into the session that is being recorded.
final class RecordedLog: Sendable {
  private let recorder = Mutex<Recorder?>(nil)

  func connect(_ recorder: Recorder?) { self.recorder.withLock { $0 = recorder } }

  func write(_ text: String, level: Logger.Level) {
    let target = recorder.withLock { $0 }
    guard let target else { return }
    target.submit(
      .log(
        text, level: level == .warning ? .warning : level == .error ? .error : .fatal, name: "vrbridge",
        at: Timestamp(nanoseconds: linux_monotonic_ns())))
  }
}

/// Passes everything on, keeps the last lines, and gives warnings and errors to the session too.
struct RecordingLogHandler: LogHandler {
  var inner: any LogHandler
  let recorded: RecordedLog
  let tail: LogTail

  var metadata: Logger.Metadata {
    get { inner.metadata }
    set { inner.metadata = newValue }
  }

  var logLevel: Logger.Level {
    get { inner.logLevel }
    set { inner.logLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { inner[metadataKey: key] }
    set { inner[metadataKey: key] = newValue }
  }

  func log(event: LogEvent) {
    inner.log(event: event)
    guard event.level >= .info else { return }
    let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    tail.append("\(event.message)\(details)", level: event.level)
    guard event.level >= .warning else { return }
    recorded.write("\(event.message)\(details)", level: event.level)
  }
}
