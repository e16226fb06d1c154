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
      do throws(InferenceError) { return try await openVINO.open(model, options) } catch {
        let mayRunElsewhere =
          model.files.first?.name.hasSuffix(".onnx") == true && [.model, .unavailable].contains(error.kind)
        guard mayRunElsewhere, let session = try? await onnxRuntime.open(model, options) else { throw error }
        return session
      }
    }
  }
}
