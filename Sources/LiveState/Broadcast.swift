import Synchronization

/// Passes values to all present subscribers. Policy: `dropOldest` for each subscriber beyond a bound; publishing never
/// waits, and costs one lock without subscribers.
public final class Broadcast<Element: Sendable>: Sendable {
  private struct State {
    var subscribers: [Int: AsyncStream<Element>.Continuation] = [:]
    var next = 0
  }
  private let state = Mutex(State())
  private let depth: Int

  /// - Parameter depth: values that wait for one subscriber at most.
  public init(depth: Int) { self.depth = depth }

  public var hasSubscribers: Bool { state.withLock { !$0.subscribers.isEmpty } }

  public func publish(_ value: Element) {
    let subscribers = state.withLock { Array($0.subscribers.values) }
    for subscriber in subscribers { subscriber.yield(value) }
  }

  /// Values from now on; the subscription ends with the stream.
  public func subscribe() -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Element.self, bufferingPolicy: .bufferingNewest(depth))
    let number = state.withLock { state in
      defer { state.next += 1 }
      state.subscribers[state.next] = continuation
      return state.next
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.subscribers.removeValue(forKey: number) }
    }
    return stream
  }
}
