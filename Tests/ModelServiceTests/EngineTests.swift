import Admission
import Authorisation
import Foundation
import HTTPServer
import Hummingbird
import Inference
import NIOCore
import Sensing
import TestSupport
import Testing

@testable import ModelService

/// A session that runs nothing.
private struct FakeSession: ModelSession {
  var engine: EngineIdentity
  var precisionNote: String?
  var inputs: [TensorSpec] { [TensorSpec(name: "x", type: .float32, shape: [-1, 3])] }
  var outputs: [TensorSpec] { [TensorSpec(name: "y", type: .float32, shape: [-1, 3])] }

  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] { tensors }
}

/// An engine with a given name and version.
private struct FakeEngine: InferenceEngine {
  var engine: EngineIdentity
  var precisionNote: String?

  func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    FakeSession(engine: engine, precisionNote: precisionNote)
  }
}

private struct Metadata: Decodable {
  struct Parameters: Decodable {
    var engine: String
    var precision: String?
  }
  var platform: String
  var parameters: Parameters
}

struct EngineTests {
  @Test(arguments: [nil, "OpenVINO computes in 32 bits: 'x' (INT64)"] as [String?])
  func metadataNameNumbersOfLessPrecision(_ note: String?) async throws {
    let engine = FakeEngine(engine: EngineIdentity(name: "openvino", version: "1"), precisionNote: note)
    let host = ModelHost(registry: try TinyModel.registry().registry, local: engine)
    let call = ModelCall(
      request: Request(
        head: .init(method: .get, scheme: nil, authority: nil, path: "/"),
        body: RequestBody(buffer: ByteBuffer())),
      body: [], rights: Rights(.unknown, scopes: [.infer]), parameters: ["double"])
    let reply = try await OpenInferenceEndpoints(access: ModelAccess(host: host, timeout: 1)).metadata(call)
    let metadata = try JSONDecoder().decode(Metadata.self, from: Data(reply.body))
    #expect(metadata.parameters.precision == note)
  }

  @Test(arguments: [
    EngineIdentity(name: "onnxruntime", version: "1.2.3"),
    EngineIdentity(name: "remote", version: "http://127.0.0.1:8001"),
  ])
  func metadataNameTheEngineOfEachModel(_ engine: EngineIdentity) async throws {
    let host = ModelHost(registry: try TinyModel.registry().registry, local: FakeEngine(engine: engine))
    let endpoints = OpenInferenceEndpoints(access: ModelAccess(host: host, timeout: 1))
    let call = ModelCall(
      request: Request(
        head: .init(method: .get, scheme: nil, authority: nil, path: "/"),
        body: RequestBody(buffer: ByteBuffer())),
      body: [], rights: Rights(.unknown, scopes: [.infer]), parameters: ["double"])
    let metadata = try JSONDecoder().decode(
      Metadata.self, from: Data(try await endpoints.metadata(call).body))
    #expect(metadata.platform == engine.name)
    #expect(metadata.parameters.engine == "\(engine.name) \(engine.version)")
    let configuration = try await endpoints.configuration(call)
    let object = try JSONSerialization.jsonObject(with: Data(configuration.body)) as? [String: Any]
    let platform = object?["platform"] as? String
    #expect(platform == engine.name)
    let batch = object?["max_batch_size"] as? Int
    #expect(batch == 0)
  }

  @Test(.enabled(if: Models.areHere && Models.hear, "needs the libraries that 'make test' fetches"))
  func openVINOAndONNXRuntimeIdentifyThemselves() async throws {
    let engine = LocalEngine(openVINO: Models.runtime, onnxRuntime: Models.speechRuntime)
    let manifest = ModelManifest(name: "double", version: "1", task: .tensors)
    let file = ModelPackage.File(name: "double.onnx", bytes: TinyModel.doubleONNX)
    let package = ModelPackage(manifest: manifest, files: [file])
    var options = SessionOptions()
    for (library, name) in [
      (SessionOptions.Library.openVINO, "openvino"), (.onnxRuntime, "onnxruntime"),
    ] {
      options.library = library
      let identity = try await engine.open(package, options).engine
      let hasNumber = identity.version.contains(where: \.isNumber)
      #expect(identity.name == name && hasNumber, "\(identity)")
    }
  }
}
