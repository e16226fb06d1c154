import LiveState
import Logging
import TrackingPipeline

/// Passes every line on, keeps the newest for the dashboard, and adds warnings and errors to the session.
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
    let event = event.printable
    let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    tail.append("\(event.message)\(details)", level: event.level.rawValue)
    guard event.level >= .warning else { return }
    recorded.write("\(event.message)\(details)", level: event.level)
  }
}
