import Foundation
import Inference
import TestSupport
import Testing

/// Tensors have the names that the model declares, with both libraries.
@Suite(.enabled(if: Models.areHere, "needs the libraries that 'make test' fetches"))
struct PortNameTests {
  private func session(_ first: String, _ second: String, _ library: SessionOptions.Library) async throws
    -> any ModelSession
  {
    let package = ModelPackage(
      manifest: ModelManifest(name: "names", version: "1", task: .tensors),
      files: [ModelPackage.File(name: "x.onnx", bytes: TinyModel.identityONNX(first, second))])
    var options = SessionOptions()
    options.library = library
    return try await LocalEngine(openVINO: Models.runtime, onnxRuntime: Models.speechRuntime)
      .open(package, options)
  }

  @Test(arguments: [SessionOptions.Library.openVINO, .onnxRuntime])
  func outputsHaveTheirDeclaredNames(_ library: SessionOptions.Library) async throws {
    let long = String(repeating: "n", count: 300)
    // Behind an Identity, in either order of the alphabet, and with a common start of 300 bytes.
    for (first, second) in [("z", "a"), ("a", "z"), (long + "1", long + "2"), ("double", "same")] {
      let session = try await session(first, second, library)
      #expect(session.inputs.map(\.name) == ["x"])
      #expect(session.outputs.map(\.name) == [first, second])
      let results = try await session.infer([Tensor(float32: [1, 3], [1, 2, 3])])
      #expect(results.map(\.numbers) == [[2, 4, 6], [1, 2, 3]])
    }
  }
}
