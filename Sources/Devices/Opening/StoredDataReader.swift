import CLinux
import Diagnostics
import Glibc
import Sensing
import Spatial

/// Why stored data did not come.
struct StoredDataError: Error, CustomStringConvertible {
  var description: String
  /// The device does not answer, or is gone: asking for something else would only wait again.
  var isFinal = false
}

/// Asks a device for the data that it keeps, command by command.
///
/// Every answer is waited for a short time and the whole for a bounded one: an interface that says nothing, or never
/// comes to an end, costs seconds and not the thread.
final class StoredDataReader<Device: FeatureAccess> {
  let description: StoredDataDescription
  let device: Device
  private let deadline: Int64
  /// How often the next command is written before it counts as not answered.
  private var tries: Int

  private static var answerMilliseconds: Int { 250 }
  private static var usualTries: Int { 3 }
  private static var seconds: Int64 { 10 }

  init(_ description: StoredDataDescription, device: Device) {
    self.description = description
    self.device = device
    tries = max(Self.usualTries, Int(description.patience * 1000) / Self.answerMilliseconds)
    deadline = linux_monotonic_ns() + Self.seconds * 1_000_000_000
  }

  func read() throws(StoredDataError) -> [UInt8] {
    for command in description.before { try write(filled(command)) }
    for command in description.opening {
      _ = try answer(
        to: command.bytes, expected: command.expected.isEmpty ? description.expected : command.expected)
    }
    var length = StoredDataDescription.longest
    var isMeasured = false
    if case .measured(let command, let field) = description.extent {
      let measured = value(field, try answer(to: command, expected: description.expected))
      guard measured > 0, measured <= UInt64(StoredDataDescription.longest) else {
        throw StoredDataError(
          description:
            "the device reports \(measured) bytes of stored data; 1 to \(StoredDataDescription.longest) are allowed"
        )
      }
      length = Int(measured)
      isMeasured = true
    }
    var data: [UInt8] = []
    var pieces = 0
    var behind: UInt64?
    while data.count < length {
      let piece = try self.piece(pieces, read: data.count, length: length, behind: behind)
      if case .whileEqual(let field, let number) = description.extent, value(field, piece) != number { break }
      let bytes = payload(piece).prefix(length - data.count)
      guard !bytes.isEmpty else { throw StoredDataError(description: "an answer holds nothing") }
      data += bytes
      pieces += 1
      if case .pieces(let count) = description.extent, pieces >= count { break }
      if case .remaining(let field) = description.extent {
        let left = value(field, piece)
        // It must come closer to its end, or there is none.
        guard behind.map({ left < $0 }) ?? true else {
          throw StoredDataError(description: "the device does not come to an end")
        }
        guard left > 0 else { break }
        behind = left
      }
      guard data.count < StoredDataDescription.longest || isMeasured else {
        throw StoredDataError(
          description: "the device does not come to an end within \(StoredDataDescription.longest) bytes")
      }
    }
    for (at, byte) in description.holds where at >= data.count || data[at] != byte {
      throw StoredDataError(description: "the device keeps nothing there")
    }
    return try document(data)
  }

  private func piece(
    _ number: Int, read: Int, length: Int, behind: UInt64?
  ) throws(StoredDataError) -> [UInt8] {
    var command = filled(description.request)
    if let position = description.position {
      let counted =
        switch position.counting {
        case .pieces: position.first &+ UInt64(number)
        case .bytes: position.first &+ UInt64(read)
        case .remaining: behind ?? position.first
        }
      position.field.store(counted, into: &command, base: 0)
    }
    if let wanted = description.wanted {
      wanted.store(UInt64(min(description.pieceSize, length - read)), into: &command, base: 0)
    }
    return try answer(to: command, expected: description.expected)
  }

  /// The bytes of data in an answer.
  private func payload(_ answer: [UInt8]) -> ArraySlice<UInt8> {
    guard answer.count > description.dataAt else { return [] }
    let count =
      switch description.count {
      case .fixed(let count): count
      case .field(let field): Int(clamping: value(field, answer))
      }
    // A count of 64 bits may be anything.
    return answer[description.dataAt...].prefix(max(0, count))
  }

  private func value(_ field: BitField, _ bytes: [UInt8]) -> UInt64 {
    guard field.endByte <= bytes.count else { return 0 }
    return bytes.withUnsafeBytes { field.bits($0, base: 0) }
  }

  /// The text in the data, without its key.
  private func document(_ data: [UInt8]) throws(StoredDataError) -> [UInt8] {
    guard let document = description.document else { return data }
    let start =
      switch document.start {
      case .fixed(let start): start
      case .field(let field): Int(clamping: value(field, data))
      }
    guard start < data.count, data.count - start > document.skip else {
      throw StoredDataError(
        description: "the offset \(start) of the document is beyond the \(data.count) bytes of stored data")
    }
    let text = data[(start + document.skip)...]
    guard !document.key.isEmpty else { return Array(text) }
    return text.enumerated().map { $0.element ^ document.key[$0.offset % document.key.count] }
  }

  // MARK: commands

  private func filled(_ command: [UInt8]) -> [UInt8] {
    command + [UInt8](repeating: 0, count: max(0, description.commandLength - command.count))
  }

  private func write(_ command: [UInt8]) throws(StoredDataError) {
    do throws(TransportError) {
      switch description.channel {
      case .output: try device.writeOutput(command)
      case .feature: try device.setFeature(command)
      }
    } catch {
      throw StoredDataError(description: error.reason, isFinal: error.isFinal)
    }
  }

  /// Writes a command and waits for what answers it; other reports that come meanwhile are passed over.
  private func answer(to command: [UInt8], expected: [Int: UInt8]) throws(StoredDataError) -> [UInt8] {
    let command = filled(command)
    for _ in 0..<tries {
      guard linux_monotonic_ns() < deadline else { break }
      try write(command)
      try relay()
      let limit = min(deadline, linux_monotonic_ns() + Int64(Self.answerMilliseconds) * 1_000_000)
      while let answer = try next(command[0], before: limit) {
        guard isAnswer(answer, to: command, expected: expected) else { continue }
        tries = Self.usualTries
        return answer
      }
    }
    let numbers = command.prefix(12).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    throw StoredDataError(
      description: "command \(numbers.joined(separator: " ")) was not answered", isFinal: true)
  }

  /// Lets a radio fetch what was asked for.
  private func relay() throws(StoredDataError) {
    guard let relay = description.then else { return }
    try write(relay.command)
    while linux_monotonic_ns() < deadline {
      guard let state = try next(relay.command[0], before: deadline) else { break }
      guard value(relay.busy, state) == 0 else { continue }
      guard value(relay.refused, state) == 0 else {
        throw StoredDataError(description: "the device behind the radio does not reply")
      }
      return
    }
    throw StoredDataError(description: "the radio does not finish the request")
  }

  private func next(_ id: UInt8, before limit: Int64) throws(StoredDataError) -> [UInt8]? {
    let left = limit - linux_monotonic_ns()
    guard left > 0 else { return nil }
    do throws(TransportError) {
      switch description.channel {
      case .output: return try device.nextInput(within: Int(left / 1_000_000) + 1)
      case .feature:
        let answer = try device.getFeature(id: id, length: description.answerLength)
        // One that is still at work is asked again a little later.
        usleep(2000)
        return answer
      }
    } catch {
      throw StoredDataError(description: error.reason, isFinal: error.isFinal)
    }
  }

  private func isAnswer(_ answer: [UInt8], to command: [UInt8], expected: [Int: UInt8]) -> Bool {
    guard expected.allSatisfy({ $0.key < answer.count && answer[$0.key] == $0.value }) else { return false }
    return description.echo.allSatisfy { echo in
      echo.command + echo.count <= command.count && echo.answer + echo.count <= answer.count
        && command[echo.command..<(echo.command + echo.count)]
          .elementsEqual(answer[echo.answer..<(echo.answer + echo.count)])
    }
  }
}
