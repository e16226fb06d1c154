import Inference
import Spatial
import Synchronization

/// Listens for a wake word where there is a voice; in quiet it costs nothing. The models run on a task of their own.
final class WakeWordListener: Sendable {
  private struct Collected {
    /// Samples that are no whole step yet.
    var open: [Float] = []
    /// Steps that were heard while nobody listened.
    var past: [[Float]] = []
    /// Steps that are still listened to.
    var left = 0
  }

  private let collected = Mutex(Collected())
  private let input: AsyncStream<[[Float]]>.Continuation
  private let task: Task<Void, Never>

  /// Steps before a voice that are heard with it: the detector is late, and with two seconds the models know nothing of
  /// what was before.
  private static let lead = 25
  /// Steps after a voice: the phrase is known up to half a second after its end.
  private static let trail = 12
  /// Steps for which nothing is told again.
  private static let refractory = 25
  /// Steps that may wait; with more the machine is too slow, and the oldest are lost.
  private static let patience = 50

  /// - Parameters:
  ///   - threshold: sureness from which the phrase counts as said.
  ///   - detected: told on another thread.
  ///   - failed: told when a model can't be used, once for each problem.
  init(
    stream: WakeWordStream, threshold: Double, detected: @escaping @Sendable (WakeWordStream.Score) -> Void,
    failed: @escaping @Sendable (String) -> Void
  ) {
    let (inputs, input) = AsyncStream.makeStream(
      of: [[Float]].self, bufferingPolicy: .bufferingNewest(Self.patience))
    self.input = input
    task = Task {
      var stream = stream
      var problem = ""
      var quiet = 0
      for await steps in inputs {
        do throws(InferenceError) {
          for step in steps {
            quiet = max(0, quiet - 1)
            guard let score = try await stream.add(step), score.sureness >= threshold, quiet == 0 else {
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

  /// - Parameter samples: those that follow, −1 to 1; one thread at a time.
  func hear(_ samples: [Float], isVoice: Bool) {
    collected.withLock { state in
      state.open += samples
      while state.open.count >= WakeWordStream.step {
        let step = Array(state.open.prefix(WakeWordStream.step))
        state.open.removeFirst(WakeWordStream.step)
        state.past.append(step)
        state.left = isVoice ? Self.trail : max(0, state.left - 1)
        if state.left > 0 {
          input.yield(state.past)
          state.past = []
        } else if state.past.count > Self.lead {
          state.past.removeFirst()
        }
      }
    }
  }
}
