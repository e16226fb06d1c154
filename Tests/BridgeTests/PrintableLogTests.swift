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
    var metadataProvider: Logger.MetadataProvider?
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let own = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }
      let all = own.merging(event.metadata ?? [:]) { $1 }
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

  /// A value that could be read as further values is quoted, once, wherever it comes from.
  @Test func aClientNameForgesNoField() {
    var log = log
    log[metadataKey: "bridge"] = "a b"
    log.info(
      "connected",
      metadata: [
        "client": #"x user=0 "root\" y"#, "empty": "", "list": ["a", "b c"], "plain": "/dev/x:1",
        "a\nb c=": "v",
      ])
    #expect(
      lines.text.withLock { $0 } == [
        #"connected a\xab_c_=v bridge="a b" client="x user=0 \"root\\\" y" empty="" list="[\"a\", \"b c\"]" plain=/dev/x:1"#
      ])
  }

  @Test func aProvidersValuesArePrintable() {
    let log = Logger(label: "test") { _ in
      var handler = PrintableLogHandler(Capture(lines: lines))
      handler.metadataProvider = Logger.MetadataProvider { ["trace": "1\nerror: forged"] }
      return handler
    }
    log.info("connected")
    #expect(lines.text.withLock { $0 } == [#"connected trace="1\\xaerror: forged""#])
  }
}
