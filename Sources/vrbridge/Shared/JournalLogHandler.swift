import Bridge
import Foundation
import Logging

/// Formats log lines for the journal: the level in front as `<N>` (sd-daemon(3)), no time, metadata at the end as
/// `key=value`. A message has one line, as `PrintableLogHandler` passes it on.
///
/// swift-log's own handler writes times and levels into the text, and the journal would give all lines one level.
struct JournalLogHandler: LogHandler {
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
    let details = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    FileHandle.standardError.write(Data("<\(Self.priority(event.level))>\(event.message)\(details)\n".utf8))
  }

  /// Returns the level of syslog(3).
  static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }

  /// Whether standard error is the socket of the journal: `JOURNAL_STREAM` is its device and inode (systemd.exec(5)).
  static var isWanted: Bool {
    guard let stream = ProcessInfo.processInfo.environment["JOURNAL_STREAM"],
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/2")
    else { return false }
    return target == "socket:[\(stream.split(separator: ":").last ?? "")]"
  }
}

extension Logger {
  /// The log of a program whose table covers the terminal.
  ///
  /// - Parameter threshold: the lowest level that the table shows.
  static func table(_ messages: ViewMessages, _ level: Level, from threshold: Level) -> Logger {
    var log = Logger(label: "vrbridge") { _ in
      PrintableLogHandler(ViewLogHandler(messages, from: threshold))
    }
    log.logLevel = level
    return log
  }

  /// The program's log, on standard error.
  static func standardError(_ level: Level) -> Logger {
    var log = Logger(label: "vrbridge") { label -> any LogHandler in
      JournalLogHandler.isWanted
        ? PrintableLogHandler(JournalLogHandler())
        : PrintableLogHandler(StreamLogHandler.standardError(label: label))
    }
    log.logLevel = level
    return log
  }
}
