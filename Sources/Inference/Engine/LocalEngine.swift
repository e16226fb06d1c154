/// Runs models in this process, each with the library of its options.
public struct LocalEngine: InferenceEngine {
  private let openVINO: OpenVINOEngine
  private let onnxRuntime: OnnxRuntimeEngine

  /// - Parameters:
  ///   - openVINO: folder of OpenVINO's library.
  ///   - onnxRuntime: folder of ONNX Runtime's library.
  public init(openVINO: String?, onnxRuntime: String?) {
    self.openVINO = OpenVINOEngine(folder: openVINO)
    self.onnxRuntime = OnnxRuntimeEngine(folder: onnxRuntime)
  }

  public func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    switch options.library {
    case .openVINO: return try await openVINO.open(model, options)
    case .onnxRuntime: return try await onnxRuntime.open(model, options)
    case .automatic:
      guard let facts = ONNXFacts(model.files.first) else { return try await openVINO.open(model, options) }
      do throws(InferenceError) {
        let session = try openVINO.openSession(model, options)
        guard options.device == "CPU", Self.prefersOnnxRuntime(session, facts),
          let exact = try? await onnxRuntime.open(model, options)
        else { return session }
        return exact
      } catch {
        guard [.model, .unavailable].contains(error.kind),
          let session = try? await onnxRuntime.open(model, options)
        else { throw error }
        return session
      }
    }
  }

  /// Whether results of OpenVINO may differ from the model's: for numbers of 64 bits, indices that it does not check, and
  /// shapes that can't be verified before a run.
  private static func prefersOnnxRuntime(_ session: OpenVINOSession, _ facts: ONNXFacts) -> Bool {
    NarrowArithmetic.prefersExact(inputs: session.inputs, outputs: session.outputs, facts)
      || facts.hasInnerGraphs || session.verification.dependsOnValues() != false
  }
}
