import Bridge
import CommandSupport
import Inference
import Speech

/// Opens a model of unknown origin in a confined process, so that a file that makes a library crash, grow or hang harms
/// only that process.
enum ModelTrial {
  /// What a trial found out about a model.
  struct Found {
    var inputs: [TensorSpec]
    var outputs: [TensorSpec]
    /// Numbers that the engine computes with less precision than the model states.
    var precisionNote: String?
  }

  /// Tasks whose models other libraries run.
  private static let others: Set<ModelTask> = [.speechRecognition, .voiceActivity]

  enum Outcome {
    case opened(Found)
    /// No library could try the model.
    case untried(reason: String)
  }

  /// Opens the model; for one that is a batch, also tests that rows do not affect each other.
  ///
  /// - Throws: `InferenceError` for a model that can't be opened.
  static func open(
    _ package: ModelPackage, _ configuration: Configuration
  ) async throws(InferenceError) -> Outcome {
    guard !others.contains(package.manifest.task) else {
      return .untried(reason: "models of this task are opened when they are used")
    }
    let engine = configuration.models.value.separateEngine(configuration.sandbox.value) {
      Terminal.complain("vrbridge: \($0)")
    }
    let session: any ModelSession
    do throws(InferenceError) {
      session = try await engine.open(package, SessionOptions())
    } catch {
      guard error.kind == .unavailable else { throw error }
      return .untried(reason: error.description)
    }
    if package.manifest.isBatch { try await RowCheck.check(session) }
    return .opened(
      Found(
        inputs: session.inputs, outputs: session.outputs, precisionNote: session.precisionNote))
  }
}
