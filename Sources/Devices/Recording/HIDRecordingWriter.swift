import CZlib
import Diagnostics
import Glibc
import Sensing
import Spatial

/// Writes a recording in the format of hid-recorder; gzip when the name ends in `.gz`.
///
/// Written lines reach the file at least once a second of recording, so that a killed recorder loses little.
public final class HIDRecordingWriter {
  private let path: String
  private var file: gzFile?
  private var start: Timestamp?
  private var lastFlush = Timestamp(nanoseconds: 0)
  private var current = -1

  public init(path: String) throws(RecordingError) {
    self.path = path
    // Readable by its owner alone, as sessions are, whatever the umask is.
    let descriptor = try openPrivateFile(path)
    // 'T' writes the text without compression.
    guard let file = gzdopen(descriptor, path.hasSuffix(".gz") ? "wb6" : "wbT") else {
      let code = errno
      close(descriptor)
      throw RecordingError(.unwritable, file: path, problem: errorText(code))
    }
    self.file = file
  }

  deinit { if let file { gzclose(file) } }

  public func begin(
    _ interfaces: [(identity: InterfaceIdentity, descriptor: [UInt8])]
  ) throws(RecordingError) {
    try line("# hid-recorder format, written by vrbridge")
    for (index, interface) in interfaces.enumerated() {
      let identity = interface.identity
      try line("D: \(index)")
      try line("R: \(interface.descriptor.count) \(hexadecimal(interface.descriptor))")
      try line("N: \(oneLine(identity.name))")
      try line("P: \(oneLine(identity.physicalPath))")
      try line(
        "I: \(String(identity.bus.rawValue, radix: 16)) \(identity.vendorProduct.replacingColon)")
      if !identity.serial.isEmpty { try line("# vrbridge serial \(oneLine(identity.serial))") }
      if let number = identity.interfaceNumber { try line("# vrbridge interface \(number)") }
    }
    current = interfaces.count - 1
  }

  public func feature(
    _ exchange: FeatureExchange, interface: Int
  ) throws(RecordingError) {
    try select(interface)
    try line(
      "# vrbridge \(exchange.direction.rawValue) \(exchange.report.count) \(hexadecimal(exchange.report))")
  }

  public func report(
    _ report: some Collection<UInt8>, interface: Int, at time: Timestamp
  ) throws(RecordingError) {
    try select(interface)
    let begin = start ?? time
    start = begin
    // Times of a session that is exported may be anything.
    let (passed, isTooLong) = time.nanoseconds.subtractingReportingOverflow(begin.nanoseconds)
    let microseconds = isTooLong ? 0 : max(0, passed) / 1000
    let whole = padded(microseconds / 1_000_000)
    let fraction = padded(microseconds % 1_000_000)
    try line("E: \(whole).\(fraction) \(report.count) \(hexadecimal(report))")
    if time.seconds(since: lastFlush) >= 1 {
      lastFlush = time
      gzflush(file, Z_SYNC_FLUSH)
    }
  }

  /// Ends the file; the recording is whole only when this did not throw.
  public func finish() throws(RecordingError) {
    guard let file else { return }
    self.file = nil
    guard gzclose(file) == Z_OK else {
      throw RecordingError(.unwritable, file: path, problem: "could not be written to the end")
    }
  }

  private func select(_ interface: Int) throws(RecordingError) {
    guard interface != current else { return }
    current = interface
    try line("D: \(interface)")
  }

  private func line(_ text: String) throws(RecordingError) {
    var bytes = Array(text.utf8)
    bytes.append(UInt8(ascii: "\n"))
    guard gzwrite(file, bytes, UInt32(bytes.count)) == bytes.count else {
      throw RecordingError(.unwritable, file: path, problem: "could not be written: \(errorText(errno))")
    }
  }

  private func padded(_ value: Int64) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }

  /// Names come from devices and must not start new lines.
  private func oneLine(_ text: String) -> String {
    String(text.map { $0.isNewline || $0.asciiValue.map { $0 < 32 } ?? false ? " " : $0 })
  }
}

func hexadecimal(_ bytes: some Collection<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var text: [UInt8] = []
  text.reserveCapacity(bytes.count * 3)
  for byte in bytes {
    if !text.isEmpty { text.append(UInt8(ascii: " ")) }
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 15)])
  }
  return String(decoding: text, as: UTF8.self)
}

extension String {
  fileprivate var replacingColon: String { split(separator: ":").joined(separator: " ") }
}
