import Synchronization

/// The events that wait for the speech service.
///
/// Policy: `dropNewest` with a count for each kind. Partial transcripts fill half of the queue at most and requests of
/// clients three quarters, so that final texts and states of microphones find room during a burst. Pieces of an answer are
/// lossless: their sender waits for room.
final class SpeechEventQueue: Sendable {
  static let capacity = 256

  let events: AsyncStream<SpeechEvent>
  private let continuation: AsyncStream<SpeechEvent>.Continuation
  private let waiting = Atomic<Int>(0)
  private let dropped = Mutex<[SpeechEvent.Kind: UInt64]>([:])

  init() {
    // The limits below are reached first: the stream itself drops nothing.
    (events, continuation) = AsyncStream.makeStream(
      of: SpeechEvent.self, bufferingPolicy: .bufferingOldest(Self.capacity))
  }

  /// Events in the queue.
  var count: Int { waiting.load(ordering: .relaxed) }

  /// Returns the dropped events of each kind since the start.
  var drops: [SpeechEvent.Kind: UInt64] { dropped.withLock { $0 } }

  /// Appends an event, from any thread.
  ///
  /// - Returns: false when the event was dropped and counted.
  @discardableResult
  func send(_ event: SpeechEvent) -> Bool {
    if append(event) { return true }
    dropped.withLock { $0[event.kind, default: 0] += 1 }
    return false
  }

  /// Appends an event, and waits for room where there is none; returns early when the task is cancelled.
  func sendWaiting(_ event: SpeechEvent) async {
    while !append(event) {
      // A full queue is rare, so polling is simpler than a list of waiting senders.
      do { try await Task.sleep(for: .milliseconds(10)) } catch { return }
    }
  }

  /// Marks an event of `events` as handled, which makes room for the next.
  func handled() { waiting.subtract(1, ordering: .relaxed) }

  private func append(_ event: SpeechEvent) -> Bool {
    guard waiting.add(1, ordering: .relaxed).oldValue < Self.limit(event.kind) else {
      waiting.subtract(1, ordering: .relaxed)
      return false
    }
    continuation.yield(event)
    return true
  }

  private static func limit(_ kind: SpeechEvent.Kind) -> Int {
    switch kind {
    case .partial: capacity / 2
    case .request: capacity * 3 / 4
    case .transcript, .state, .answer: capacity
    }
  }
}
