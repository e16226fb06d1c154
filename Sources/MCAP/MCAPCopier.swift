/// Copies records of one file into another, one by one: what is not given is not in the copy.
///
/// Numbers of schemas and channels are given anew; everything else is as it was.
public final class MCAPCopier {
  public let writer: MCAPWriter
  private var schemas: [UInt16: MCAPSchema] = [:]
  private var schemaNumbers: [UInt16: UInt16] = [:]
  private var channels: [UInt16: MCAPChannel] = [:]
  private var channelNumbers: [UInt16: UInt16] = [:]

  public init(_ writer: MCAPWriter) { self.writer = writer }

  /// Kept until a channel needs it.
  public func note(_ schema: MCAPSchema) { schemas[schema.id] = schema }

  /// Kept until a message needs it.
  public func note(_ channel: MCAPChannel) { channels[channel.id] = channel }

  public func channel(_ id: UInt16) -> MCAPChannel? { channels[id] }

  /// - Returns: false for a message of a channel that the file does not have.
  @discardableResult
  public func copy(_ message: MCAPMessage, data: UnsafeRawBufferPointer? = nil) throws(OutputError) -> Bool {
    guard let number = try number(of: message.channelID) else { return false }
    try writer.write(
      channel: number, sequence: message.sequence, logTime: message.logTime,
      publishTime: message.publishTime, data: data ?? message.data)
    return true
  }

  private func number(of channel: UInt16) throws(OutputError) -> UInt16? {
    if let known = channelNumbers[channel] { return known }
    guard var copy = channels[channel] else { return nil }
    if copy.schemaID != 0 {
      if let known = schemaNumbers[copy.schemaID] {
        copy.schemaID = known
      } else {
        guard let schema = schemas[copy.schemaID] else { return nil }
        let number = try writer.add(schema)
        schemaNumbers[copy.schemaID] = number
        copy.schemaID = number
      }
    }
    let number = try writer.add(copy)
    channelNumbers[channel] = number
    return number
  }
}
