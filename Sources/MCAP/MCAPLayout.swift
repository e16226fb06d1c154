/// The parts of a file that the format leaves to the writer. The defaults are those of a session; other values write the
/// format's other variants.
package struct MCAPLayout: Sendable {
  /// Messages are stored in chunks; otherwise each is a record of the data section.
  package var hasChunks = true
  /// Schemas and channels are stored in the chunk that is open when they are added.
  package var hasDefinitionsInChunks = false
  package var hasMessageIndexes = true
  package var hasChunkIndexes = true
  package var hasAttachmentIndexes = true
  package var hasMetadataIndexes = true
  /// The summary repeats the schemas.
  package var hasRepeatedSchemas = true
  /// The summary repeats the channels.
  package var hasRepeatedChannels = true
  package var hasStatistics = true
  package var hasSummaryOffsets = true
  /// The id of the first channel.
  package var firstChannelID: UInt16 = 0
  /// Bytes after the last field of each record that a later version of the format may extend; readers skip them.
  package var extraData: [UInt8] = []

  package init() {}

  /// Returns the record with the extra data after its fields.
  func extended(_ record: [UInt8]) -> [UInt8] {
    guard !extraData.isEmpty else { return record }
    var bytes = record + extraData
    let length = UInt64(bytes.count - MCAPFormat.recordHeader)
    withUnsafeBytes(of: length.littleEndian) { bytes.replaceSubrange(1..<9, with: $0) }
    return bytes
  }
}
