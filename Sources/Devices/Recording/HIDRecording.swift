import CZlib
import Diagnostics
import Glibc
import Sensing
import Spatial

/// A recording in the text format of hid-recorder (hid-tools), plain or gzip: descriptors, identities and
/// timed reports of one or more interfaces.
///
/// Lines are `D: index`, `R: count bytes`, `N: name`, `P: physical path`, `I: bus vendor product` and
/// `E: seconds.microseconds count bytes`; everything behind `#` is a comment. Comments that start with
/// `# vrbridge` carry what the format has no line for (serial, interface number, feature reports), so that
/// other readers of the format still read the file.
public struct HIDRecording: Sendable {
  public struct Interface: Sendable {
    public var identity: InterfaceIdentity
    public var descriptor: HIDReportDescriptor?
    /// Feature reports that were exchanged, in order.
    public var features: [FeatureExchange] = []

    public init(
      identity: InterfaceIdentity, descriptor: HIDReportDescriptor? = nil, features: [FeatureExchange] = []
    ) {
      self.identity = identity
      self.descriptor = descriptor
      self.features = features
    }
  }

  /// One input report; its bytes are `bytes[range]`.
  public struct Event: Sendable {
    public var interface: Int
    /// Nanoseconds since the recording began.
    public var offset: Int64
    public var range: Range<Int>

    public init(interface: Int, offset: Int64, range: Range<Int>) {
      self.interface = interface
      self.offset = offset
      self.range = range
    }
  }

  public var file: String
  public var interfaces: [Interface] = []
  public var events: [Event] = []
  public var bytes: [UInt8] = []
  /// The file ends in the middle of a line or of its compressed data; what came before is here.
  public var isTruncated = false

  public init(file: String) { self.file = file }

  /// Nanoseconds from the first report to the last.
  public var duration: Int64 { max(0, (events.last?.offset ?? 0) - (events.first?.offset ?? 0)) }

  /// Larger files are refused; 1 GiB of text is more than a day of one headset.
  static let maximumText = 1 << 30

  public static func read(path: String) throws(RecordingError) -> HIDRecording {
    let (text, isCut) = try readText(path: path)
    var recording = try parse(text, file: path)
    recording.isTruncated = recording.isTruncated || isCut
    return recording
  }

  private static func readText(path: String) throws(RecordingError) -> ([UInt8], isCut: Bool) {
    // zlib's gz functions read plain files as they are.
    guard let file = gzopen(path, "rb") else {
      throw RecordingError(.unreadable, file: path, problem: errorText(errno))
    }
    defer { gzclose(file) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = gzread(file, &chunk, UInt32(chunk.count))
      if count > 0 { text += chunk[0..<Int(count)] }
      if text.count > maximumText {
        throw RecordingError(
          .unreadable, file: path, problem: "the recording is larger than \(maximumText) bytes")
      }
      if count == 0 {
        var code: Int32 = 0
        _ = gzerror(file, &code)
        return (text, code == Z_BUF_ERROR)
      }
      if count < 0 {
        guard !text.isEmpty else {
          throw RecordingError(.unreadable, file: path, problem: "it is neither text nor readable gzip data")
        }
        return (text, true)
      }
    }
  }

  /// - Throws: a fault with its line; only the last line of a file may be cut off.
  public static func parse(_ text: [UInt8], file: String) throws(RecordingError) -> HIDRecording {
    var recording = HIDRecording(file: file)
    var parser = LineParser(file: file)
    var lineStart = 0
    var number = 0
    while lineStart < text.count {
      let end = text[lineStart...].firstIndex(of: UInt8(ascii: "\n"))
      number += 1
      let line = text[lineStart..<(end ?? text.count)]
      do {
        try parser.parse(line, number: number, into: &recording)
      } catch {
        // A recorder that was killed leaves half a line.
        guard end == nil, number > 1 else { throw error }
        recording.isTruncated = true
      }
      guard let end else { break }
      lineStart = end + 1
    }
    guard !recording.interfaces.isEmpty else {
      throw RecordingError(
        .empty, file: file, problem: "it holds no device; a recording has 'R:', 'N:', 'I:' and 'E:' lines")
    }
    return recording
  }

  private struct LineParser {
    var file: String
    var current = 0
    /// Index in `interfaces` of each `D:` number.
    var indices: [Int: Int] = [:]

    mutating func parse(
      _ line: ArraySlice<UInt8>, number: Int, into recording: inout HIDRecording
    ) throws(RecordingError) {
      var scanner = Scanner(line: line, file: file, number: number)
      scanner.skipSpaces()
      guard let first = scanner.peek() else { return }
      if first == UInt8(ascii: "#") {
        try parseComment(line, number: number, into: &recording)
        return
      }
      scanner.advance()
      guard scanner.take(UInt8(ascii: ":")) else { throw scanner.fault("expected a letter and ':'") }
      switch first {
      case UInt8(ascii: "D"):
        current = try scanner.decimal(limit: 255)
      case UInt8(ascii: "R"):
        let interface = try interfaceIndex(&recording, scanner)
        let bytes = try scanner.counted(limit: ReportLimits.longest)
        do {
          recording.interfaces[interface].descriptor = try HIDReportDescriptor(bytes)
        } catch {
          throw scanner.fault(String(describing: error))
        }
      case UInt8(ascii: "N"):
        let interface = try interfaceIndex(&recording, scanner)
        recording.interfaces[interface].identity.name = scanner.rest()
      case UInt8(ascii: "P"):
        let interface = try interfaceIndex(&recording, scanner)
        recording.interfaces[interface].identity.physicalPath = scanner.rest()
      case UInt8(ascii: "I"):
        let interface = try interfaceIndex(&recording, scanner)
        let bus = try scanner.hexadecimal(limit: 0xffff)
        recording.interfaces[interface].identity.bus = Bus(rawValue: UInt16(bus)) ?? .virtual
        recording.interfaces[interface].identity.vendor = UInt16(try scanner.hexadecimal(limit: 0xffff))
        recording.interfaces[interface].identity.product = UInt16(try scanner.hexadecimal(limit: 0xffff))
      case UInt8(ascii: "E"):
        let interface = try interfaceIndex(&recording, scanner)
        let offset = try scanner.seconds()
        let start = recording.bytes.count
        try scanner.counted(limit: ReportLimits.longest, into: &recording.bytes)
        recording.events.append(
          Event(interface: interface, offset: offset, range: start..<recording.bytes.count))
      default: break  // other tools write further letters (L: for LEDs); they say nothing to us
      }
    }

    private mutating func interfaceIndex(
      _ recording: inout HIDRecording, _ scanner: Scanner
    ) throws(RecordingError) -> Int {
      if let known = indices[current] { return known }
      guard recording.interfaces.count < 16 else {
        throw scanner.fault("more than 16 devices in one recording")
      }
      recording.interfaces.append(
        Interface(identity: InterfaceIdentity(bus: .usb, vendor: 0, product: 0, origin: .recorded)))
      indices[current] = recording.interfaces.count - 1
      return recording.interfaces.count - 1
    }

    private mutating func parseComment(
      _ line: ArraySlice<UInt8>, number: Int, into recording: inout HIDRecording
    ) throws(RecordingError) {
      let words = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 3).map(String.init)
      guard words.count >= 4, words[0] == "#", words[1] == "vrbridge" else { return }
      var scanner = Scanner(line: line, file: file, number: number)
      let interface = try interfaceIndex(&recording, scanner)
      switch words[2] {
      case "serial": recording.interfaces[interface].identity.serial = words[3]
      case "interface":
        guard let value = Int(words[3]), (0...255).contains(value) else {
          throw scanner.fault("'\(words[3])' is not an interface number")
        }
        recording.interfaces[interface].identity.interfaceNumber = value
      case "get", "set", "output", "input":
        scanner.skipWords(3)
        let report = try scanner.counted(limit: ReportLimits.longest)
        if let direction = FeatureExchange.Direction(rawValue: words[2]) {
          recording.interfaces[interface].features.append(
            FeatureExchange(direction: direction, report: report))
        }
      default: break
      }
    }
  }

  /// Reads one line's fields.
  private struct Scanner {
    var line: ArraySlice<UInt8>
    var index: Int
    let file: String
    let number: Int

    init(line: ArraySlice<UInt8>, file: String, number: Int) {
      // Lines may end in CR LF.
      self.line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      index = line.startIndex
      self.file = file
      self.number = number
    }

    func fault(_ problem: String) -> RecordingError {
      RecordingError(
        .malformed, file: file, line: number, column: index - line.startIndex + 1, problem: problem)
    }

    func peek() -> UInt8? { index < line.endIndex ? line[index] : nil }
    mutating func advance() { index += 1 }

    mutating func skipSpaces() {
      while let byte = peek(), byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { index += 1 }
    }

    mutating func skipWords(_ count: Int) {
      for _ in 0..<count {
        skipSpaces()
        while let byte = peek(), byte != UInt8(ascii: " ") { index += 1 }
      }
    }

    mutating func take(_ byte: UInt8) -> Bool {
      guard peek() == byte else { return false }
      index += 1
      return true
    }

    mutating func rest() -> String {
      skipSpaces()
      return String(decoding: line[index...], as: UTF8.self)
    }

    mutating func decimal(limit: Int) throws(RecordingError) -> Int {
      skipSpaces()
      var value = 0
      var digits = 0
      while let byte = peek(), (48...57).contains(byte), digits < 12 {
        value = value * 10 + Int(byte - 48)
        digits += 1
        index += 1
      }
      guard digits > 0 else { throw fault("expected a number") }
      guard value <= limit else { throw fault("\(value) is more than \(limit)") }
      return value
    }

    mutating func hexadecimal(limit: Int) throws(RecordingError) -> Int {
      skipSpaces()
      var value = 0
      var digits = 0
      while let byte = peek(), let digit = hexDigit(byte), digits < 8 {
        value = value << 4 | digit
        digits += 1
        index += 1
      }
      guard digits > 0 else { throw fault("expected a hexadecimal number") }
      guard value <= limit else {
        throw fault("0x\(String(value, radix: 16)) is more than 0x\(String(limit, radix: 16))")
      }
      return value
    }

    /// `seconds.microseconds` in nanoseconds.
    mutating func seconds() throws(RecordingError) -> Int64 {
      let whole = try decimal(limit: 1_000_000_000)
      guard take(UInt8(ascii: ".")) else { throw fault("expected '.' and microseconds") }
      var fraction = 0
      var digits = 0
      while let byte = peek(), (48...57).contains(byte) {
        if digits < 9 {
          fraction = fraction * 10 + Int(byte - 48)
          digits += 1
        }
        index += 1
      }
      guard digits > 0 else { throw fault("expected microseconds") }
      for _ in digits..<9 { fraction *= 10 }
      return Int64(whole) * 1_000_000_000 + Int64(fraction)
    }

    /// A count and as many bytes.
    mutating func counted(limit: Int) throws(RecordingError) -> [UInt8] {
      var bytes: [UInt8] = []
      try counted(limit: limit, into: &bytes)
      return bytes
    }

    mutating func counted(limit: Int, into bytes: inout [UInt8]) throws(RecordingError) {
      let count = try decimal(limit: limit)
      let before = bytes.count
      for position in 0..<count {
        skipSpaces()
        guard index + 1 < line.endIndex, let high = hexDigit(line[index]), let low = hexDigit(line[index + 1])
        else {
          bytes.removeLast(bytes.count - before)
          throw fault("\(count) bytes are announced, byte \(position + 1) is not there")
        }
        bytes.append(UInt8(high << 4 | low))
        index += 2
      }
    }
  }
}

private func hexDigit(_ byte: UInt8) -> Int? {
  switch byte {
  case 48...57: Int(byte) - 48
  case 97...102: Int(byte) - 87
  case 65...70: Int(byte) - 55
  default: nil
  }
}
