/// Turns of a conversation, bounded in number, size and age.
public struct Conversation: Sendable {
  public struct Turn: Sendable, Equatable {
    public var isUser: Bool
    public var text: String
    /// Seconds of any one clock.
    public var time: Double
  }

  public private(set) var turns: [Turn] = []
  private let maximumTurns: Int
  private let maximumCharacters: Int
  private let maximumAge: Double

  /// - Parameter maximumAge: seconds after which a turn is dropped.
  public init(maximumTurns: Int = 12, maximumCharacters: Int = 8000, maximumAge: Double = 600) {
    self.maximumTurns = maximumTurns
    self.maximumCharacters = maximumCharacters
    self.maximumAge = maximumAge
  }

  public mutating func add(_ text: String, isUser: Bool, at time: Double) {
    turns.append(Turn(isUser: isUser, text: String(text.prefix(maximumCharacters)), time: time))
    expire(at: time)
  }

  public mutating func expire(at time: Double) {
    turns.removeAll { time - $0.time > maximumAge }
    if turns.count > maximumTurns { turns.removeFirst(turns.count - maximumTurns) }
    while turns.count > 1, turns.reduce(0, { $0 + $1.text.count }) > maximumCharacters { turns.removeFirst() }
  }

  public mutating func clear() { turns = [] }
}
