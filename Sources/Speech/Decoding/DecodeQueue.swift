import Dispatch
import Synchronization

/// The jobs that wait for the decoding thread: at most `capacity` utterances' sound.
///
/// Policy: `dropOldest` with a count, or back-pressure, as `Overflow` configures.
final class DecodeQueue: Sendable {
  private struct State {
    var jobs: [DecodeJob] = []
    var isBusy = false
    var dropped: UInt64 = 0
  }

  private let state = Mutex(State())
  private let overflow: Transcriber.Overflow
  private let capacity: Int
  /// Counts the jobs; of jobs that were removed too.
  private let ready = DispatchSemaphore(value: 0)
  /// Counts the free places for sound; used with back-pressure alone.
  private let room = DispatchSemaphore(value: 0)

  /// - Parameter capacity: utterances.
  init(overflow: Transcriber.Overflow, capacity: Int = 8) {
    self.overflow = overflow
    self.capacity = capacity
    // A semaphore must not be released below its initial value, so it starts at 0.
    for _ in 0..<capacity { room.signal() }
  }

  /// Utterances whose sound was dropped since the start.
  var dropped: UInt64 { state.withLock { $0.dropped } }

  /// Whether nothing waits and nothing is being decoded.
  var isIdle: Bool { state.withLock { $0.jobs.isEmpty && !$0.isBusy } }

  /// Appends a job, on the feeding thread.
  func push(_ job: DecodeJob) {
    if case .whole = job, overflow == .wait { room.wait() }
    state.withLock { state in
      if case .whole(let sound, _, _) = job {
        // The whole contains the sound of the partial texts that wait.
        state.jobs.removeAll { waiting in
          if case .partial(let earlier, _) = waiting { earlier.utterance == sound.utterance } else { false }
        }
        if overflow == .dropOldest { Self.makeRoom(for: sound.utterance, capacity, &state) }
      }
      state.jobs.append(job)
    }
    ready.signal()
  }

  /// Waits for a job, on the decoding thread; nil where the job was removed meanwhile.
  func next() -> DecodeJob? {
    state.withLock { $0.isBusy = false }
    ready.wait()
    let job: DecodeJob? = state.withLock { state in
      guard !state.jobs.isEmpty else { return nil }
      state.isBusy = true
      return state.jobs.removeFirst()
    }
    if case .whole? = job, overflow == .wait { room.signal() }
    return job
  }

  /// Removes the oldest sound when the queue is full.
  private static func makeRoom(for newest: UInt64, _ capacity: Int, _ state: inout State) {
    let wholes = state.jobs.compactMap { job -> (utterance: UInt64, position: Int)? in
      if case .whole(let sound, let position, _) = job { (sound.utterance, position) } else { nil }
    }
    guard wholes.count >= capacity, let oldest = wholes.first else { return }
    if oldest.utterance == newest || wholes.dropFirst().contains(where: { $0.utterance == oldest.utterance })
    {
      // A later sound of the same utterance contains this one.
      state.jobs.removeAll { job in
        switch job {
        case .whole(let sound, let position, _):
          sound.utterance == oldest.utterance && position == oldest.position
        case .final(let utterance, let position, _):
          utterance == oldest.utterance && position == oldest.position
        default: false
        }
      }
      return
    }
    let hasBegun = !state.jobs.contains { job in
      if case .report(.began(let utterance, _)) = job { utterance == oldest.utterance } else { false }
    }
    state.jobs.removeAll { $0.utterance == oldest.utterance }
    if hasBegun {
      let event = TranscriptEvent.dropped(
        oldest.utterance, reason: "decoding is slower than speech; configure a smaller model")
      state.jobs.insert(.report(event), at: 0)
    }
    state.dropped += 1
  }
}
