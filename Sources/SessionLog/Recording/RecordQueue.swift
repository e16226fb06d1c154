import Synchronization

/// A queue of records on their way to the recorder's thread, from any thread.
///
/// Policy: `dropNewest` past a bound of bytes, with a count.
package final class RecordQueue: Sendable {
  private struct State {
    var records: [any QueuedRecord] = []
    var bytes = 0
    var dropped: UInt64 = 0
  }
  private let state = Mutex(State())
  private let limit: Int

  /// - Parameter limit: bytes.
  package init(limit: Int) { self.limit = limit }

  package func push(_ record: any QueuedRecord) {
    state.withLock { state in
      guard state.bytes + record.byteCount <= limit else {
        state.dropped += 1
        return
      }
      state.bytes += record.byteCount
      state.records.append(record)
    }
  }

  package func takeAll() -> [any QueuedRecord] {
    state.withLock { state in
      defer {
        state.records = []
        state.bytes = 0
      }
      return state.records
    }
  }

  /// Bytes that wait.
  package var bytes: Int { state.withLock { $0.bytes } }
  package var dropped: UInt64 { state.withLock { $0.dropped } }
}
