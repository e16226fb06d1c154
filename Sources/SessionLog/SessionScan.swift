import MCAP

/// Scans a session's records in the order in which the tracking thread processed them: attachments, then the rest.
///
/// A session of vrbridge has that order. A copy that another program wrote may have its attachments at the end and its
/// messages by topic: unless its states still follow their reports, its messages come by log time; of the same time
/// events come first, then reports, states, and the others.
struct SessionScan {
  private let scanner: MCAPScanner

  /// States of a copy that are looked at to find its order.
  private static let examined = 1000

  init(_ input: InputFile) { scanner = MCAPScanner(input) }

  func run(_ visit: (MCAPScanner.Event) throws -> MCAPScanner.Decision) throws {
    var decision = MCAPScanner.Decision.goOn
    try scanner.readAttachments { found in
      if decision == .goOn { decision = try visit(.attachment(found)) }
    }
    guard decision == .goOn else { return }
    if try isInOrder() {
      try scanner.scan { event in
        if case .attachment = event { return .goOn }
        return try visit(event)
      }
      return
    }
    var topics = SessionTopics()
    try scanner.scanByTime(rank: { topics[$0].rank }) { event in
      if case .attachment = event { return .goOn }
      topics.note(event)
      return try visit(event)
    }
  }

  /// Whether vrbridge wrote the file, or most of its states have the time of the report before them.
  private func isInOrder() throws -> Bool {
    var topics = SessionTopics()
    var reportTimes: [UInt32: UInt64] = [:]
    var (states, followed, isOwn) = (0, 0, false)
    try scanner.scan { event in
      topics.note(event)
      switch event {
      case .header(_, let library):
        isOwn = library.hasPrefix("vrbridge")
        return isOwn ? .stop : .goOn
      case .message(let message, _):
        switch topics[message.channelID] {
        case .report(let device, _, _): reportTimes[device] = message.logTime
        case .state(let device):
          states += 1
          if reportTimes[device] == message.logTime { followed += 1 }
        default: break
        }
      default: break
      }
      return states < Self.examined ? .goOn : .stop
    }
    return isOwn || states > 0 && followed * 2 >= states
  }
}

/// The topics of a file's channels.
struct SessionTopics {
  private var schemas: [UInt16: String] = [:]
  private var topics: [UInt16: SessionTopic] = [:]

  mutating func note(_ event: MCAPScanner.Event) {
    switch event {
    case .schema(let schema): schemas[schema.id] = schema.name
    case .channel(let channel):
      topics[channel.id] = SessionTopic(
        schema: schemas[channel.schemaID] ?? "", metadata: channel.metadata)
    default: break
    }
  }

  /// The topic of a channel; nil for one of another program.
  subscript(channel: UInt16) -> SessionTopic? { topics[channel] }
}

extension SessionTopic? {
  /// The order among messages of the same log time.
  fileprivate var rank: UInt8 {
    switch self {
    case .events: 0
    case .report: 1
    case .state, .groundTruth: 2
    default: 3
    }
  }
}
