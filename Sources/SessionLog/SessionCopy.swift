import MCAP

/// Copies a session's records into another file, attachments first; closures keep, change or drop each.
public final class SessionCopy {
  public enum Decision {
    case keep
    case drop
    case replace([UInt8])
  }

  private let copier: MCAPCopier
  private let note: String
  /// Errors while reading.
  public private(set) var faults: [MCAPError] = []
  /// Dropped messages by topic.
  public private(set) var dropped: [String: UInt64] = [:]
  /// Whether the file has its end mark.
  public private(set) var isComplete = false

  /// - Parameter note: the operation, for the copy's metadata.
  public init(to path: String, note: String) throws {
    var options = MCAPWriter.Options()
    options.library = "vrbridge"
    copier = MCAPCopier(try MCAPWriter(DiskFile(creating: path), options: options))
    self.note = note
  }

  public var messageCount: UInt64 { copier.writer.messageCount }

  /// - Parameters:
  ///   - message: keeps, replaces or drops a message; the topic is nil for channels of other programs.
  ///   - attachment: returns whether to keep an attachment.
  ///   - metadata: returns the record to write; nil drops it.
  ///   - change: returns the attachment to write in place of a kept one.
  ///   - finally: returns metadata for the end of the copy.
  public func run(
    _ input: InputFile, message: (SessionTopic?, MCAPMessage) throws -> Decision,
    attachment: (MCAPAttachment) throws -> Bool = { _ in true },
    metadata: (MCAPMetadata) throws -> MCAPMetadata? = { $0 },
    change: (MCAPAttachment) throws -> MCAPAttachment = { $0 },
    finally: (SessionCopy) -> [MCAPMetadata] = { _ in [] }
  ) throws {
    var topics = SessionTopics()
    try copier.writer.write(MCAPMetadata(name: "copy", values: ["of": Self.name(input.path), "what": note]))
    try SessionScan(input).run { event in
      topics.note(event)
      switch event {
      case .schema(let schema): copier.note(schema)
      case .channel(let channel): copier.note(channel)
      case .message(let found, let chunk):
        switch try message(topics[found.channelID], found) {
        case .keep:
          if try !copier.copy(found) {
            faults.append(MCAPError(at: chunk, "a message of the unknown channel \(found.channelID)"))
          }
        case .replace(let bytes):
          try bytes.span.bytes.withUnsafeBytes { bytes throws(OutputError) in
            _ = try copier.copy(found, data: bytes)
          }
        case .drop: dropped[copier.channel(found.channelID)?.topic ?? "", default: 0] += 1
        }
      case .attachment(let found): if try attachment(found) { try copier.writer.write(change(found)) }
      case .metadata(let found): if let kept = try metadata(found) { try copier.writer.write(kept) }
      case .fault(let fault): faults.append(fault)
      case .end: isComplete = true
      case .header, .chunkEnd, .dataEnd: break
      }
      return .goOn
    }
    for values in finally(self) { try copier.writer.write(values) }
    try copier.writer.finish()
  }

  private static func name(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}
