import Compression
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

  /// Steps back of the recorded times; the offsets of events are in order.
  public private(set) var time = RecordedTime()

  public init(file: String) { self.file = file }

  /// Adds a report, whose bytes are at the end of `bytes`.
  ///
  /// - Parameter offset: ns, as it was recorded.
  public mutating func append(interface: Int, offset: Int64, range: Range<Int>) {
    let offset = time.next(offset, event: events.count)
    events.append(Event(interface: interface, offset: offset, range: range))
  }

  /// What is unusual in the recorded times, for display; nil for nothing.
  public var timeProblem: String? {
    guard let first = time.steps.first else { return nil }
    let seconds = (Double(first.back) * 1e-7).rounded() / 100
    let others = time.steps.count > 1 ? ", and \(time.steps.count - 1) more" : ""
    return
      "the recorded times step back by \(seconds) s at report \(first.event + 1)\(others); later times are moved on"
  }

  /// Nanoseconds from the first report to the last.
  public var duration: Int64 { max(0, (events.last?.offset ?? 0) - (events.first?.offset ?? 0)) }

  /// Larger files are refused; 1 GiB of text is more than a day of one headset.
  static let maximumText = 1 << 30

  /// Bytes of the longest line, at most: a report in hexadecimal is shorter.
  static let longestLine = 1 << 20
  /// Feature reports of an interface, at most.
  static let maximumFeatures = 65_536

  public static func read(path: String) throws(RecordingError) -> HIDRecording {
    let reader: GzipReader
    do throws(CompressionError) { reader = try GzipReader(path: path, largest: maximumText) } catch {
      throw RecordingError(.unreadable, file: path, problem: error.description)
    }
    var reading = Reading(file: path)
    while let piece = try next(reader, path) { try reading.take(piece, allowance: reader.allowance) }
    return try reading.finish(isCut: reader.isTruncated)
  }

  private static func next(
    _ reader: GzipReader, _ path: String
  ) throws(RecordingError) -> ArraySlice<UInt8>? {
    do throws(CompressionError) { return try reader.next() } catch {
      throw RecordingError(.unreadable, file: path, problem: error.description)
    }
  }

  /// - Throws: a fault with its line; only the last line of a file may be cut off.
  public static func parse(_ text: [UInt8], file: String) throws(RecordingError) -> HIDRecording {
    var reading = Reading(file: file)
    try reading.take(text[...], allowance: .max)
    return try reading.finish(isCut: false)
  }

  /// A recording whose text arrives in pieces; the text itself is not kept.
  private struct Reading {
    private var recording: HIDRecording
    private var parser: LineParser
    private var number = 0
    /// The beginning of a line that goes on in the next piece.
    private var pending: [UInt8] = []

    init(file: String) {
      recording = HIDRecording(file: file)
      parser = LineParser(file: file)
    }

    /// - Parameter allowance: bytes that the recording may take in memory.
    mutating func take(_ piece: ArraySlice<UInt8>, allowance: Int) throws(RecordingError) {
      var rest = piece
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        number += 1
        if pending.isEmpty {
          try parser.parse(rest[..<end], number: number, into: &recording)
        } else {
          pending += rest[..<end]
          try parser.parse(pending[...], number: number, into: &recording)
          pending.removeAll(keepingCapacity: true)
        }
        rest = rest[(end + 1)...]
      }
      pending += rest
      guard pending.count <= HIDRecording.longestLine else {
        throw RecordingError(
          .malformed, file: recording.file, line: number + 1, column: 1,
          problem: "the line is longer than \(HIDRecording.longestLine) bytes")
      }
      let size = recording.bytes.count + recording.events.count * MemoryLayout<Event>.stride
      guard size <= allowance else {
        throw RecordingError(
          .unreadable, file: recording.file, problem: "it holds more reports than a file of its size can hold"
        )
      }
    }

    mutating func finish(isCut: Bool) throws(RecordingError) -> HIDRecording {
      recording.isTruncated = isCut
      if !pending.isEmpty {
        number += 1
        do throws(RecordingError) {
          try parser.parse(pending[...], number: number, into: &recording)
        } catch {
          // A recorder that was killed leaves half a line.
          guard number > 1 else { throw error }
          recording.isTruncated = true
        }
      }
      guard !recording.interfaces.isEmpty else {
        throw RecordingError(
          .empty, file: recording.file,
          problem: "it holds no device; a recording has 'R:', 'N:', 'I:' and 'E:' lines")
      }
      return recording
    }
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
          throw scanner.fault(error.reason)
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
        recording.append(interface: interface, offset: offset, range: start..<recording.bytes.count)
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
      // Lines may end in CR LF.
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
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
        guard recording.interfaces[interface].features.count < HIDRecording.maximumFeatures else {
          throw scanner.fault("more than \(HIDRecording.maximumFeatures) feature reports of one device")
        }
        if let direction = FeatureExchange.Direction(rawValue: words[2]) {
          recording.interfaces[interface].features.append(
            FeatureExchange(direction: direction, report: report))
        }
      default: break
      }
    }
  }

  /// Reads one line's fields; the line may end in CR LF.
  private struct Scanner {
    var line: ArraySlice<UInt8>
    var index: Int
    let file: String
    let number: Int

    init(line: ArraySlice<UInt8>, file: String, number: Int) {
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
