import Synchronization

/// Hands values to whoever listens at present. Policy: `dropOldest` for each listener past a bound; who publishes never
/// waits, and pays nothing when nobody listens.
public final class Broadcast<Element: Sendable>: Sendable {
  private struct State {
    var listeners: [Int: AsyncStream<Element>.Continuation] = [:]
    var next = 0
  }
  private let state = Mutex(State())
  private let depth: Int

  init(depth: Int) { self.depth = depth }

  var isHeard: Bool { state.withLock { !$0.listeners.isEmpty } }

  func send(_ value: Element) {
    let listeners = state.withLock { Array($0.listeners.values) }
    for listener in listeners { listener.yield(value) }
  }

  /// Values from now on; the subscription ends with the stream.
  public func subscribe() -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Element.self, bufferingPolicy: .bufferingNewest(depth))
    let number = state.withLock { state in
      defer { state.next += 1 }
      state.listeners[state.next] = continuation
      return state.next
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.listeners.removeValue(forKey: number) }
    }
    return stream
  }
}
