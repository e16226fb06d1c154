import Bridge
import CommandSupport
import Inference
import Speech

/// Opens a model of unknown origin in a confined process, so that a file that makes a library crash, grow or hang harms
/// only that process.
enum ModelTrial {
  /// Tasks whose models other libraries run.
  private static let others: Set<ModelTask> = [.speechRecognition, .voiceActivity]

  /// Opens the model.
  ///
  /// - Returns: its tensors; nil when no installed library runs the model.
  /// - Throws: `InferenceError` for a model that can't be opened.
  static func open(
    _ package: ModelPackage, _ configuration: Configuration
  ) async throws(InferenceError) -> (inputs: [TensorSpec], outputs: [TensorSpec])? {
    guard !others.contains(package.manifest.task) else { return nil }
    let engine = configuration.models.value.separateEngine(configuration.sandbox.value) {
      Terminal.complain("vrbridge: \($0)")
    }
    do throws(InferenceError) {
      let session = try await engine.open(package, SessionOptions())
      return (session.inputs, session.outputs)
    } catch {
      guard error.kind == .unavailable else { throw error }
      return nil
    }
  }
}
