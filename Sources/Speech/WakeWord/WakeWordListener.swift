import Inference
import Synchronization

/// Searches sound around a voice for a wake word; silence costs nothing. The models run in a task.
///
/// Policy of its queue: `dropOldest` with a count.
final class WakeWordListener: Sendable {
  private struct Collected {
    /// Samples of an incomplete step.
    var incomplete: [Float] = []
    /// The latest steps of silence.
    var past: [[Float]] = []
    /// Steps to search after the voice.
    var left = 0
    /// Steps that the models were too slow for.
    var dropped: UInt64 = 0
  }

  private let collected = Mutex(Collected())
  private let input: AsyncStream<[[Float]]>.Continuation
  private let task: Task<Void, Never>

  /// Steps before a voice that are searched with it: the detector reacts late, and the models need context.
  private static let lead = 25
  /// Steps after a voice: the models detect the phrase up to half a second after its end.
  private static let trail = 12
  /// Steps after a detection without another one.
  private static let refractory = 25
  /// Items that wait at most.
  static let capacity = 50

  /// - Parameters:
  ///   - threshold: confidence from which the phrase counts as detected, 0 to 1.
  ///   - detected: called in the task.
  ///   - failed: called in the task with an error message, once for each problem.
  init(
    stream: WakeWordStream, threshold: Double, detected: @escaping @Sendable (WakeWordStream.Score) -> Void,
    failed: @escaping @Sendable (String) -> Void
  ) {
    let (inputs, input) = AsyncStream.makeStream(
      of: [[Float]].self, bufferingPolicy: .bufferingNewest(Self.capacity))
    self.input = input
    task = Task {
      var stream = stream
      var problem = ""
      var quiet = 0
      for await steps in inputs {
        do throws(InferenceError) {
          for step in steps {
            quiet = max(0, quiet - 1)
            guard let score = try await stream.add(step), score.confidence >= threshold, quiet == 0 else {
              continue
            }
            quiet = Self.refractory
            detected(score)
          }
          problem = ""
        } catch {
          if problem != error.description { failed(error.description) }
          problem = error.description
        }
      }
    }
  }

  deinit {
    input.finish()
    task.cancel()
  }

  /// Steps of 80 ms that were dropped since the start.
  var dropped: UInt64 { collected.withLock { $0.dropped } }

  /// Takes the samples that follow, −1 to 1; one thread at a time.
  func feed(_ samples: [Float], isVoice: Bool) {
    collected.withLock { state in
      state.incomplete += samples
      while state.incomplete.count >= WakeWordStream.step {
        let step = Array(state.incomplete.prefix(WakeWordStream.step))
        state.incomplete.removeFirst(WakeWordStream.step)
        state.past.append(step)
        state.left = isVoice ? Self.trail : max(0, state.left - 1)
        if state.left > 0 {
          if case .dropped(let steps) = input.yield(state.past) { state.dropped += UInt64(steps.count) }
          state.past = []
        } else if state.past.count > Self.lead {
          state.past.removeFirst()
        }
      }
    }
  }
}
