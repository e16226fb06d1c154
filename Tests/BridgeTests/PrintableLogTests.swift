import Bridge
import Logging
import Synchronization
import Testing

/// The boundary of the log.
struct PrintableLogTests {
  private final class Lines: Sendable {
    let text = Mutex<[String]>([])
  }

  private struct Capture: LogHandler {
    let lines: Lines
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let all = metadata.merging(event.metadata ?? [:]) { $1 }
      let details = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
      lines.text.withLock { $0.append(event.message.description + details) }
    }
  }

  private let lines = Lines()
  private var log: Logger {
    Logger(label: "test") { _ in PrintableLogHandler(Capture(lines: lines)) }
  }

  @Test func aClientNameForgesNoLine() {
    var log = log
    log[metadataKey: "bridge"] = "a\r\nb"
    log.info(
      "client game\n2026 error: forged\u{1b}[2J\u{9b}1A connected",
      metadata: ["name": "x\u{1b}]0;t\u{7}\u{202e}"])
    #expect(
      lines.text.withLock { $0 } == [
        #"client game\xa2026 error: forged\x1b[2J\x9b1A connected bridge=a\xd\xab name=x\x1b]0;t\x7\u{202e}"#
      ])
  }

  @Test func aLineIsBoundedAndHoldsNoPassword() throws {
    log.error(
      "http://user:secret@host does not answer",
      metadata: ["text": "\(String(repeating: "x", count: 1 << 20))"])
    let line = try #require(lines.text.withLock { $0.first })
    #expect(line.hasPrefix("http://***@host does not answer text=xxx") && line.count < 1200)
  }
}
