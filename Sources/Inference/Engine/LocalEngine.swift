/// Runs models in this process, each with the library that its options name.
public struct LocalEngine: InferenceEngine {
  private let openVINO: OpenVINOEngine
  private let onnxRuntime: OnnxRuntimeEngine

  /// - Parameters: folders in which the libraries are looked for first.
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
        let isForTheOther =
          model.files.first?.name.hasSuffix(".onnx") == true && [.model, .unavailable].contains(error.kind)
        guard isForTheOther, let session = try? await onnxRuntime.open(model, options) else { throw error }
        return session
      }
    }
  }
}
