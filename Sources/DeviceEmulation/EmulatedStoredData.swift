import Devices

/// Answers the commands by which stored data is asked for: the inverse of `StoredDataReader`.
struct EmulatedStoredData {
  private let description: StoredDataDescription
  private let kept: [UInt8]
  var channel: StoredDataDescription.Channel { description.channel }
  /// Bytes that were given out, where the request does not say which are wanted.
  private var given = 0

  init(_ description: StoredDataDescription) {
    self.description = description
    kept = Self.kept(description)
  }

  /// What the device keeps: the content with what the description says stands around it.
  private static func kept(_ description: StoredDataDescription) -> [UInt8] {
    guard let document = description.document else { return description.content }
    var head: [UInt8]
    switch document.start {
    case .fixed(let start): head = [UInt8](repeating: 0, count: start)
    case .field(let field):
      head = [UInt8](repeating: 0, count: field.endByte)
      field.store(UInt64(head.count), into: &head, base: 0)
    }
    head += [UInt8](repeating: 0, count: document.skip)
    guard !document.key.isEmpty else { return head + description.content }
    return head
      + description.content.enumerated().map { $0.element ^ document.key[$0.offset % document.key.count] }
  }

  /// - Parameter command: as it came: unnumbered output reports with or without their leading 0.
  /// - Returns: nil when the command is none of these.
  mutating func answer(to command: [UInt8]) -> [UInt8]? {
    guard !kept.isEmpty else { return nil }
    if let relay = description.then, isSame(command, relay.command) {
      // Done, and well.
      return [relay.command[0]] + [UInt8](repeating: 0, count: description.answerLength - 1)
    }
    for opening in description.opening where isSame(command, opening.bytes) {
      given = 0
      return answer(
        opening.bytes, expected: opening.expected.isEmpty ? description.expected : opening.expected)
    }
    if case .measured(let measure, let length) = description.extent, isSame(command, measure) {
      given = 0
      var answer = answer(measure, expected: description.expected)
      length.store(UInt64(kept.count), into: &answer, base: 0)
      return answer
    }
    var variable: [Range<Int>] = []
    if let field = description.position?.field { variable.append(field.byte..<field.endByte) }
    if let field = description.wanted { variable.append(field.byte..<field.endByte) }
    guard isSame(command, description.request, except: variable) else { return nil }
    return piece(padded(command))
  }

  private mutating func piece(_ command: [UInt8]) -> [UInt8] {
    if let position = description.position {
      let number = value(position.field, command)
      switch position.counting {
      case .pieces:
        given = min(Int(clamping: number &- position.first), kept.count) * description.pieceSize
      case .bytes: given = Int(clamping: number &- position.first)
      case .remaining: given = number == position.first ? 0 : kept.count - Int(clamping: number)
      }
    }
    given = min(max(given, 0), kept.count)
    // Asked again after the last piece, it starts anew.
    if case .pieces = description.extent, given == kept.count { given = 0 }
    let wanted = description.wanted.map { Int(clamping: value($0, command)) } ?? description.pieceSize
    let bytes = kept[given...].prefix(min(wanted, description.pieceSize))
    given += bytes.count
    var answer = answer(command, expected: description.expected)
    answer.replaceSubrange(description.dataAt..<(description.dataAt + bytes.count), with: bytes)
    if case .field(let count) = description.count { count.store(UInt64(bytes.count), into: &answer, base: 0) }
    switch description.extent {
    case .whileEqual(let field, let number):
      // What says the end is some other number.
      field.store(bytes.isEmpty ? number &+ 1 : number, into: &answer, base: 0)
    case .remaining(let field): field.store(UInt64(kept.count - given), into: &answer, base: 0)
    case .pieces, .measured: break
    }
    return answer
  }

  private func answer(_ command: [UInt8], expected: [Int: UInt8]) -> [UInt8] {
    var answer = [UInt8](repeating: 0, count: description.answerLength)
    let command = command + [UInt8](repeating: 0, count: description.answerLength)
    for echo in description.echo {
      answer.replaceSubrange(
        echo.answer..<(echo.answer + echo.count), with: command[echo.command..<(echo.command + echo.count)])
    }
    for (at, byte) in expected where at < answer.count { answer[at] = byte }
    return answer
  }

  private func padded(_ command: [UInt8]) -> [UInt8] {
    let isCut = description.request.first == 0 && command.first != 0
    return (isCut ? [0] + command : command)
      + [UInt8](repeating: 0, count: max(0, description.request.count + 8 - command.count))
  }

  private func isSame(_ command: [UInt8], _ known: [UInt8], except variable: [Range<Int>] = []) -> Bool {
    let command = padded(command)
    guard command.count >= known.count else { return false }
    return known.indices.allSatisfy { index in
      variable.contains { $0.contains(index) } || command[index] == known[index]
    }
  }

  private func value(_ field: BitField, _ bytes: [UInt8]) -> UInt64 {
    guard field.endByte <= bytes.count else { return 0 }
    return bytes.withUnsafeBytes { field.bits($0, base: 0) }
  }
}
