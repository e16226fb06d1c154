import Foundation
import Logging

/// Log lines as the journal takes them: their level in front as `<N>` (sd-daemon(3)), the time left to the journal,
/// what belongs to a line behind it as `key=value`.
///
/// swift-log's own handler writes times and names of levels into the text, where the journal sees one level for all.
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
    let level = Self.priority(event.level)
    // The level stands at the beginning of each line, or the rest of the text would have none.
    let text = "\(event.message)\(details)".split(separator: "\n").map { "<\(level)>\($0)\n" }.joined()
    FileHandle.standardError.write(Data(text.utf8))
  }

  /// A level of syslog(3).
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
  /// The program's log, on standard error.
  static func standardError(_ level: Level) -> Logger {
    var log = Logger(label: "vrbridge") { label -> any LogHandler in
      JournalLogHandler.isWanted ? JournalLogHandler() : StreamLogHandler.standardError(label: label)
    }
    log.logLevel = level
    return log
  }
}
