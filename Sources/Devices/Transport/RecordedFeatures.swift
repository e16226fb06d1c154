import Synchronization

/// Answers from a recording: the feature reports of each id in their order, repeating the last one, and the input reports
/// that answered commands.
public final class RecordedFeatures: FeatureResponder {
  private struct State {
    var replies: [UInt8: [[UInt8]]] = [:]
    var position: [UInt8: Int] = [:]
    /// Output and input reports, the newest first.
    var commands: [FeatureExchange] = []
  }
  private let state: Mutex<State>

  public init(_ exchanges: [FeatureExchange]) {
    var replies: [UInt8: [[UInt8]]] = [:]
    for exchange in exchanges where exchange.direction == .get {
      if let id = exchange.report.first { replies[id, default: []].append(exchange.report) }
    }
    let commands = exchanges.filter { $0.direction == .input || $0.direction == .output }
    state = Mutex(State(replies: replies, commands: commands.reversed()))
  }

  public func getFeature(id: UInt8, length: Int) -> [UInt8]? {
    state.withLock { state in
      guard let list = state.replies[id], !list.isEmpty else { return nil }
      let position = min(state.position[id] ?? 0, list.count - 1)
      state.position[id] = position + 1
      return list[position]
    }
  }

  public func setFeature(_ report: [UInt8]) -> Bool { true }

  /// Selects the answers that followed this report in the recording; a report that is not recorded has none.
  public func output(_ report: [UInt8]) {
    state.withLock { state in
      let place = state.commands.lastIndex { $0.direction == .output && $0.report == report }
      if let place { state.commands.removeSubrange(place...) }
    }
  }

  public func nextInput() -> [UInt8]? {
    state.withLock { state in
      state.commands.last?.direction == .input ? state.commands.popLast()?.report : nil
    }
  }
}
