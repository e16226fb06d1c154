import Bridge
import CommandSupport
import Inference
import Speech

/// Opens a model of unknown origin in a confined process, so that a file that makes a library crash, grow or hang harms
/// only that process.
enum ModelTrial {
  /// Tasks whose models other libraries run.
  private static let others: Set<ModelTask> = [.speechRecognition, .voiceActivity]

  enum Outcome {
    case opened(inputs: [TensorSpec], outputs: [TensorSpec])
    /// No library could try the model.
    case untried(reason: String)
  }

  /// Opens the model.
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
    do throws(InferenceError) {
      let session = try await engine.open(package, SessionOptions())
      return .opened(inputs: session.inputs, outputs: session.outputs)
    } catch {
      guard error.kind == .unavailable else { throw error }
      return .untried(reason: error.description)
    }
  }
}
