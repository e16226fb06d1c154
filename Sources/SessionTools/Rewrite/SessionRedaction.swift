import Foundation
import MCAP
import SwiftProtobuf
import SessionLog

/// Removes private contents from a session, and records the removal in its metadata.
public struct SessionRedaction {
  public enum Drop: String, Sendable, CaseIterable {
    case camera
    case microphone
    case annotations
    case controls
    case log
  }

  public enum Scrub: String, Sendable, CaseIterable {
    /// Serial numbers of devices, wherever text contains them.
    case serials
    /// Name and kernel of the machine, and the time of day.
    case host
  }

  public struct Result: Sendable {
    /// Dropped messages by topic.
    public var dropped: [String: UInt64] = [:]
    public var serials = 0
    public var faults: [String] = []
  }

  private let input: InputFile
  private let drops: Set<Drop>
  private let scrubs: Set<Scrub>

  public init(path: String, drop drops: Set<Drop>, scrub scrubs: Set<Scrub>) throws {
    input = try InputFile(path: path)
    self.drops = drops
    self.scrubs = scrubs
  }

  public func run(output: String) throws -> Result {
    var result = Result()
    var replacements: [(from: [UInt8], to: [UInt8])] = []
    if scrubs.contains(.serials) {
      let serials = try findSerials()
      result.serials = serials.count
      // Longer ones first, as one may contain another. Replacements have the same length.
      for (index, serial) in serials.sorted(by: { ($1.count, $0) < ($0.count, $1) }).enumerated() {
        let name = Array("SCRUBBED-\(index + 1)".utf8)
        let bytes = Array(serial.utf8)
        replacements.append((bytes, Array((name + bytes.map { _ in UInt8(ascii: "-") }).prefix(bytes.count))))
      }
    }
    func scrubbed(_ bytes: [UInt8]) -> [UInt8] {
      replacements.reduce(bytes) { Self.replace($1.from, by: $1.to, in: $0) }
    }
    func scrubbed(_ text: String) -> String { String(decoding: scrubbed(Array(text.utf8)), as: UTF8.self) }

    /// SHA-256 of the attachments in the copy, by those of the originals.
    var digests: [Data: Data] = [:]
    let copy = try SessionCopy(to: output, note: "redacted")
    try copy.run(input) { topic, message in
      if isDropped(topic) { return .drop }
      guard !replacements.isEmpty else { return .keep }
      switch topic {
      case .events:
        guard var event = try? Vrbridge_Session_Event(serializedBytes: Array(message.data)) else {
          return .drop
        }
        guard case .partOpened(var opened) = event.event else { return .keep }
        opened.identity.serial = scrubbed(opened.identity.serial)
        opened.identity.configuredSerial = scrubbed(opened.identity.configuredSerial)
        opened.identity.name = scrubbed(opened.identity.name)
        // The port can identify a machine too.
        opened.identity.physicalPath = scrubbed(opened.identity.physicalPath)
        opened.features = opened.features.compactMap { exchange in
          // The configuration of a Lighthouse device holds its serial number, compressed, in reports 0x10 and 0x11. Its
          // calibration is also in the session in plain form.
          if let id = exchange.report.first, id == 0x10 || id == 0x11 { return nil }
          var exchange = exchange
          exchange.report = Data(scrubbed([UInt8](exchange.report)))
          return exchange
        }
        opened.descriptionSha256 = digests[opened.descriptionSha256] ?? opened.descriptionSha256
        opened.calibrationSha256 = digests[opened.calibrationSha256] ?? opened.calibrationSha256
        event.partOpened = opened
        return .replace(try event.serializedBytes())
      case .log, .scene, .imageAnnotations, .speech, .prompts:
        // Same lengths, so that the message stays valid.
        return .replace(scrubbed(Array(message.data)))
      default: return .keep
      }
    } attachment: { _ in
      true
    } metadata: { metadata in
      var metadata = metadata
      if scrubs.contains(.host) {
        for key in ["host", "kernel", "machine", "started", "realtime_offset_ns"] {
          metadata.values[key] = nil
        }
      }
      for (key, value) in metadata.values { metadata.values[key] = scrubbed(value) }
      return metadata
    } change: { attachment in
      // The configuration assigns roles by serial number.
      var attachment = attachment
      let original = SessionWriter.digest(of: attachment.data)
      attachment.data = scrubbed(attachment.data)
      digests[original] = SessionWriter.digest(of: attachment.data)
      return attachment
    } finally: { copy in
      result.dropped = copy.dropped
      var values = copy.dropped.reduce(into: [String: String]()) {
        $0["dropped \($1.key)"] = String($1.value)
      }
      values["drop"] = drops.map(\.rawValue).sorted().joined(separator: ",")
      values["scrub"] = scrubs.map(\.rawValue).sorted().joined(separator: ",")
      values["serials_scrubbed"] = String(result.serials)
      return [MCAPMetadata(name: "redaction", values: values)]
    }
    result.faults = copy.faults.map(\.description)
    return result
  }

  private func isDropped(_ topic: SessionTopic?) -> Bool {
    switch topic {
    case .image, .cameraCalibration, .cameraMount: drops.contains(.camera)
    case .audio, .speech, .prompts: drops.contains(.microphone)
    // Annotations of a camera's image describe its contents.
    case .imageAnnotations: drops.contains(.camera) || drops.contains(.annotations)
    case .scene: drops.contains(.annotations)
    case .control: drops.contains(.controls)
    case .log: drops.contains(.log)
    default: false
    }
  }

  private func findSerials() throws -> Set<String> {
    var serials: Set<String> = []
    let events = try SessionReader(path: input.path)
    try events.read(
      wanted: { if case .events = $0 { true } else { false } }
    ) { record, _ in
      if case .event(let event) = record, case .partOpened(let opened) = event.event {
        // Replacing a serial of one or two letters would damage words, and it identifies nothing.
        for serial in [opened.identity.serial, opened.identity.configuredSerial] where serial.utf8.count > 2 {
          serials.insert(serial)
        }
      }
      return .goOn
    }
    return serials
  }

  /// Replaces all occurrences; both texts have the same length.
  private static func replace(_ from: [UInt8], by to: [UInt8], in bytes: [UInt8]) -> [UInt8] {
    guard let first = from.first, bytes.count >= from.count else { return bytes }
    var bytes = bytes
    var index = 0
    while index + from.count <= bytes.count {
      if bytes[index] == first, bytes[index..<(index + from.count)].elementsEqual(from) {
        bytes.replaceSubrange(index..<(index + from.count), with: to)
        index += from.count
      } else {
        index += 1
      }
    }
    return bytes
  }
}
