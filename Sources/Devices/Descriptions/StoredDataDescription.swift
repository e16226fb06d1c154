/// Data that a device keeps and gives out piece by piece to who asks with commands: a factory calibration in its flash.
public struct StoredDataDescription: Sendable {
  public enum Channel: String, Sendable, CaseIterable {
    /// Commands are output reports, answers come as input reports.
    case output
    /// Commands are feature reports, answers are read from the same one.
    case feature
  }

  /// What the number in the request counts.
  public enum Counting: String, Sendable, CaseIterable { case pieces, bytes, remaining }

  /// How long the data is.
  public enum Extent: Sendable {
    case pieces(Int)
    /// A command of its own brings the number of bytes.
    case measured(command: [UInt8], length: BitField)
    /// Each answer says whether it brought something.
    case whileEqual(BitField, UInt64)
    /// Each answer says how many bytes are behind its own.
    case remaining(BitField)
  }

  public enum Count: Sendable {
    case fixed(Int)
    case field(BitField)
  }

  /// Bytes of a command that its answer repeats.
  public struct Echo: Sendable, Hashable {
    public var command: Int
    public var answer: Int
    public var count: Int
  }

  /// A command that is answered without data.
  public struct Command: Sendable {
    public var bytes: [UInt8]
    /// By these bytes its answer is told; empty: by those of the data.
    public var expected: [Int: UInt8]
  }

  public var name: String
  /// The part whose interface is asked; nil for the part's own.
  public var part: String?
  public var channel: Channel
  /// Bytes of a command, filled up with zeros; 0 for as many as it has.
  public var commandLength: Int
  public var answerLength: Int
  /// Written first; nothing answers.
  public var before: [[UInt8]]
  public var opening: [Command]
  /// Seconds that the first answer may take: a device that was just switched on wakes up first.
  public var patience: Double
  /// Asked again for every piece.
  public var request: [UInt8]
  /// The number in the request that says which piece is wanted, and its first value.
  public var position: (field: BitField, first: UInt64, counting: Counting)?
  /// The number in the request that says how many bytes are wanted.
  public var wanted: BitField?
  public var expected: [Int: UInt8]
  public var echo: [Echo]
  /// Where the data stands in an answer.
  public var dataAt: Int
  public var count: Count
  public var extent: Extent
  /// Bytes that the data holds where there is something; otherwise the device keeps nothing.
  public var holds: [Int: UInt8]
  /// Most devices keep nothing here: no word when it is missing.
  public var isOptional: Bool
  /// Where a document stands in the data.
  public var document: Document?
  /// What an emulated device keeps.
  public var content: [UInt8]
  /// Written after each request: it makes a radio ask its other end.
  public var then: Relay?

  /// A feature report that sets something off and then says how it went.
  public struct Relay: Sendable {
    public var command: [UInt8]
    /// Not 0 while it is at work.
    public var busy: BitField
    /// Not 0 when the other end did not answer.
    public var refused: BitField
  }

  /// A text in the data, hidden by a repeated key (exclusive or) or in the clear.
  public struct Document: Sendable {
    /// Its place, or the field that holds it.
    public var start: Count
    /// Bytes between that place and the text.
    public var skip: Int
    public var key: [UInt8]
  }

  /// No device is known that keeps more.
  static let longest = 1 << 16

  /// Bytes of data in one answer at most.
  package var pieceSize: Int {
    switch count {
    case .fixed(let count): count
    case .field: answerLength - dataAt
    }
  }
}
