import Foundation
import Inference
import Spatial
import Testing
import TestSupport

@Suite(.enabled(if: Models.hear, "needs the library that 'make test' fetches"))
struct OnnxRuntimeTests {
  private func open(
    _ bytes: [UInt8], name: String = "double.onnx", _ options: SessionOptions = SessionOptions()
  ) async throws -> any ModelSession {
    var options = options
    options.library = .onnxRuntime
    let package = ModelPackage(
      manifest: ModelManifest(name: "double", version: "1", task: .tensors),
      files: [ModelPackage.File(name: name, bytes: bytes)])
    return try await LocalEngine(openVINO: Models.runtime, onnxRuntime: Models.speechRuntime)
      .open(package, options)
  }

  @Test func resultsEqualThoseOfOpenVINO() async throws {
    let session = try await open(TinyModel.doubleONNX)
    #expect(session.inputs == [TensorSpec(name: "x", type: .float32, shape: [-1, 3])])
    #expect(session.outputs == [TensorSpec(name: "y", type: .float32, shape: [-1, 3])])
    let tensor = Tensor(float32: [2, 3], [1, 2, 3, 4, 5, .infinity])
    let result = try await session.infer([tensor])
    #expect(result.map(\.shape) == [[2, 3]] && result[0].numbers == [2, 4, 6, 8, 10, .infinity])
    // Many at once, each with its own answer.
    var options = SessionOptions()
    options.streams = 3
    let wide = try await open(TinyModel.doubleONNX, options)
    try await withThrowingTaskGroup(of: (Int, [Double]).self) { group in
      for number in 0..<64 {
        group.addTask {
          (number, try await wide.infer([Tensor(float32: [1, 3], [Float(number), 0, 1])])[0].numbers)
        }
      }
      for try await (number, answer) in group { #expect(answer == [Double(2 * number), 0, 2]) }
    }
  }

  /// With the engine selected explicitly and automatically.
  @Test func modelsThatOpenVINORefusesRun() async throws {
    let engine = LocalEngine(openVINO: Models.runtime, onnxRuntime: Models.speechRuntime)
    // A condition of two dimensions: allowed by ONNX Runtime, and refused by OpenVINO.
    let package = ModelPackage(
      manifest: ModelManifest(name: "choice", version: "1", task: .tensors),
      files: [ModelPackage.File(name: "choice.onnx", bytes: TinyModel.choiceONNX)])
    var options = SessionOptions()
    options.library = .openVINO
    do {
      _ = try await engine.open(package, options)
      Issue.record("OpenVINO took it: another model is needed here")
    } catch { #expect(error.kind == .model) }
    options.library = .automatic
    let session = try await engine.open(package, options)
    let answer = try await session.infer([Tensor(float32: [1, 3], [1, 2, 3])])
    #expect(answer[0].numbers == [2, 4, 6])
    // What neither takes is told as OpenVINO tells it.
    var broken = package
    broken.files[0].bytes.removeLast(20)
    do {
      _ = try await engine.open(broken, options)
      Issue.record("it was taken")
    } catch { #expect(error.kind == .model && error.description.contains("'choice'")) }
  }

  @Test func modelsThatCannotRunAreReported() async throws {
    let session = try await open(TinyModel.doubleONNX)
    for tensor in [
      Tensor(float32: [1, 4], [1, 2, 3, 4]),
      try #require(Tensor(type: .int8, shape: [1, 3], bytes: [1, 2, 3])),
    ] {
      await #expect(throws: InferenceError.self) { try await session.infer([tensor]) }
    }
    var broken = TinyModel.doubleONNX
    broken.removeLast(12)
    var gpu = SessionOptions()
    gpu.device = "GPU"
    for (bytes, name, options, message) in [
      (broken, "a.onnx", SessionOptions(), "cannot be loaded"),
      ([], "a.onnx", SessionOptions(), "cannot be loaded"),
      (Array(TinyModel.double.utf8), "a.xml", SessionOptions(), "not an ONNX file"),
      (TinyModel.doubleONNX, "a.onnx", gpu, "engine: openvino"),
    ] {
      do {
        _ = try await open(bytes, name: name, options)
        Issue.record("\(message): it was taken")
      } catch let error as InferenceError {
        #expect(error.description.contains(message) && error.description.contains("'double'"), "\(error)")
      }
    }
  }

  /// A model with altered bytes gives an error or a result and does not trap.
  @Test func alteredModelsDoNotTrap() async throws {
    var random = SeededRandom(seed: 42)
    for _ in 0..<400 {
      var bytes = TinyModel.doubleONNX
      for _ in 0..<3 {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      guard let session = try? await open(bytes) else { continue }
      let shape = session.inputs.first?.shape.map { max(1, min($0, 64)) } ?? [1]
      _ = try? await session.infer([Tensor(float32: shape) { _ in }])
    }
  }
}
