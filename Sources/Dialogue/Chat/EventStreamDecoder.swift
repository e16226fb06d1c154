/// Decodes server-sent events from bytes that may be divided anywhere, even inside a character.
///
/// HTML Living Standard, §9.2.6: lines end with LF, CR or CRLF; a line that begins with a colon is a comment; an empty
/// line ends an event; lines `data:` of an event are joined by LF. Of other fields only `error:` is used, in which llama.cpp
/// sent errors in 2024: it counts as data `{"error": …}`.
public struct EventStreamDecoder: Sendable {
  private var line: [UInt8] = []
  private var data: [UInt8]?
  private var lastWasReturn = false
  private var isFirstLine = true
  private let limit: Int

  /// - Parameter limit: bytes of one event, at most.
  public init(limit: Int = 1 << 20) { self.limit = limit }

  /// Decodes bytes, and returns the data of the events that they complete.
  ///
  /// - Throws: `ChatError` for an event longer than the limit.
  public mutating func feed(_ bytes: some Sequence<UInt8>) throws(ChatError) -> [String] {
    var events: [String] = []
    for byte in bytes {
      defer { lastWasReturn = byte == 13 }
      if byte == 10, lastWasReturn { continue }
      if byte == 10 || byte == 13 {
        if let event = endLine() { events.append(event) }
        continue
      }
      line.append(byte)
      guard line.count + (data?.count ?? 0) <= limit else {
        throw ChatError(.lasting, "the server sent an event of more than \(limit) bytes")
      }
    }
    return events
  }

  private mutating func endLine() -> String? {
    defer {
      line.removeAll(keepingCapacity: true)
      isFirstLine = false
    }
    if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
    if line.isEmpty {
      defer { data = nil }
      return data.map { String(decoding: $0, as: UTF8.self) }
    }
    if let value = value(of: "data") {
      if data != nil { data?.append(10) }
      data = (data ?? []) + value
    } else if let value = value(of: "error"), !value.isEmpty {
      data = Array("{\"error\": ".utf8) + value + [UInt8(ascii: "}")]
    }
    return nil
  }

  /// The value of the line's field; nil for a line of another field.
  private func value(of field: String) -> ArraySlice<UInt8>? {
    let name = Array(field.utf8)
    guard line.starts(with: name), line.count == name.count || line[name.count] == UInt8(ascii: ":") else {
      return nil
    }
    let value = line.dropFirst(name.count + 1)
    return value.first == UInt8(ascii: " ") ? value.dropFirst() : value
  }
}
