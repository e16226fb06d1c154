import Authorisation
import Foundation
import HTTPServer
import HTTPTypes
import Hummingbird
import Inference

/// Models by the Open Inference Protocol v2, with Triton's extensions for binary tensors, classification and statistics.
struct OpenInferenceEndpoints: Sendable {
  let access: ModelAccess

  private struct Server: Encodable {
    var name = "vrbridge"
    var version: String
    var extensions = ["binary_tensor_data", "classification", "model_repository", "statistics"]
  }

  static func server(product: String) -> HTTPReply { .json(Server(version: product)) }

  // MARK: metadata

  private struct Metadata: Encodable {
    struct Port: Encodable {
      var name: String
      var datatype: String
      var shape: [Int]

      init(_ spec: TensorSpec) {
        name = spec.name
        datatype = spec.type.rawValue
        shape = spec.shape
      }
    }
    struct Parameters: Encodable {
      var task: String
      var digest: String
      var version: String
      var engine: String
      /// Numbers that the engine computes with less precision than the model states.
      var precision: String?
    }
    var name: String
    var versions: [String]
    var platform: String
    var inputs: [Port]
    var outputs: [Port]
    var parameters: Parameters
  }

  func metadata(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    let loaded = try await access.model(call)
    let engine = loaded.session.engine
    return .json(
      Metadata(
        name: call.model, versions: access.host.versions(of: call.model), platform: engine.name,
        inputs: loaded.session.inputs.map(Metadata.Port.init),
        outputs: loaded.session.outputs.map(Metadata.Port.init),
        parameters: Metadata.Parameters(
          task: loaded.manifest.task.rawValue, digest: loaded.digest, version: loaded.version,
          engine: "\(engine.name) \(engine.version)", precision: loaded.session.precisionNote)))
  }

  func ready(_ call: ModelCall) async -> HTTPReply {
    do throws(InferenceError) {
      _ = try await access.model(call)
      return .text("")
    } catch {
      return .error(error.kind == .notFound ? .notFound : .badRequest, error)
    }
  }

  private struct Configuration: Encodable {
    struct Port: Encodable {
      var name: String
      var dataType: String
      var dims: [Int]

      init(_ spec: TensorSpec) {
        name = spec.name
        dataType = "TYPE_" + spec.type.rawValue
        dims = spec.shape
      }
    }
    var name: String
    var platform: String
    var maxBatchSize = 0
    var input: [Port]
    var output: [Port]
  }

  func configuration(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    let loaded = try await access.model(call)
    return .json(
      Configuration(
        name: call.model, platform: loaded.session.engine.name,
        input: loaded.session.inputs.map(Configuration.Port.init),
        output: loaded.session.outputs.map(Configuration.Port.init)))
  }

  // MARK: statistics

  private struct Statistics: Encodable {
    struct Count: Encodable {
      var count: UInt64
      var ns: Int
    }
    struct Inference: Encodable {
      var success: Count
      var fail: Count
    }
    struct Row: Encodable {
      var name: String
      var version: String
      var inferenceCount: UInt64
      var executionCount: UInt64
      var inferenceStats: Inference
    }
    var modelStats: [Row]
  }

  /// `/v2/models/stats`: of all models, or the metadata of a model with that name.
  func allStatistics(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    guard access.host.versions(of: "stats").isEmpty else {
      var call = call
      call.parameters = ["stats"]
      return try await metadata(call)
    }
    return await statistics(of: nil, call.rights)
  }

  func statistics(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    guard call.rights.mayUse(call.model), !access.host.versions(of: call.model).isEmpty else {
      throw ModelAccess.missing(call.model)
    }
    return await statistics(of: call.model, call.rights)
  }

  private func statistics(of name: String?, _ rights: Rights) async -> HTTPReply {
    let rows = await access.host.index().filter {
      (name == nil || $0.name == name) && rights.mayUse($0.name)
    }
    return .json(
      Statistics(
        modelStats: rows.map { row in
          let counts = row.metrics
          return Statistics.Row(
            name: row.name, version: row.version, inferenceCount: counts.runs, executionCount: counts.runs,
            inferenceStats: Statistics.Inference(
              success: Statistics.Count(count: counts.runs, ns: Int(counts.seconds * 1e9)),
              fail: Statistics.Count(count: counts.failures + counts.dropped, ns: 0)))
        }))
  }

  // MARK: inference

  func infer(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    let loaded = try await access.model(call)
    var length: Int?
    if let field = HTTPField.Name(OpenInference.lengthHeader), let given = call.request.headers[field] {
      guard let number = Int(given), number >= 0 else {
        throw InferenceError(
          .input, "\(OpenInference.lengthHeader) is '\(given)', which is no number of bytes")
      }
      length = number
    }
    let request: OpenInference.Request
    let tensors: [Tensor]
    do throws(OpenInferenceError) {
      request = try OpenInference.request(call.body, headerLength: length, specs: loaded.session.inputs)
      tensors = try order(request.inputs, loaded.session.inputs)
      for output in request.outputs where !loaded.session.outputs.contains(where: { $0.name == output.name })
      {
        throw OpenInferenceError(
          "the model has no output '\(output.name)'; it has: \(loaded.session.outputs.map(\.name).joined(separator: ", "))"
        )
      }
    } catch {
      throw InferenceError(error.kind, error.description)
    }
    let results = try await access.run(loaded, tensors)
    do throws(OpenInferenceError) {
      return try reply(call.model, loaded, request, results)
    } catch {
      throw InferenceError(error.kind, error.description)
    }
  }

  private func reply(
    _ name: String, _ loaded: ModelHost.Loaded, _ request: OpenInference.Request, _ results: InferenceResult
  ) throws(OpenInferenceError) -> HTTPReply {
    var parts: [OpenInference.Part] = []
    for (spec, tensor) in zip(loaded.session.outputs, results.tensors) {
      let wanted = request.outputs.first { $0.name == spec.name }
      if !request.outputs.isEmpty, wanted == nil { continue }
      let named = NamedTensor(spec.name, tensor)
      if let wanted, wanted.classes > 0 {
        parts.append(classification(named, wanted.classes, loaded.manifest.labels))
      } else {
        parts.append(wanted?.isBinary ?? request.isBinary ? .binary(named) : .numbers(named))
      }
    }
    let (bytes, header) = try OpenInference.body(
      id: request.id, model: name, version: results.version ?? loaded.manifest.version,
      key: "outputs", parts: parts)
    var reply = HTTPReply(status: .ok, body: bytes)
    if let header, let field = HTTPField.Name(OpenInference.lengthHeader) {
      reply.type = "application/octet-stream"
      reply.headers = [(field, String(header))]
    }
    return reply
  }

  /// Returns the best classes of each row as "score:index:label" (Triton's classification extension).
  private func classification(_ output: NamedTensor, _ count: Int, _ labels: [String]) -> OpenInference.Part {
    let numbers = output.tensor.numbers
    let width = max(1, output.tensor.shape.last ?? 1)
    let rows = max(1, numbers.count / width)
    var texts: [String] = []
    let kept = min(count, width)
    for row in 0..<rows {
      let scores = Array(numbers[(row * width)..<min((row + 1) * width, numbers.count)])
      for index in scores.indices.sorted(by: { scores[$0] > scores[$1] }).prefix(kept) {
        let label = index < labels.count ? ":" + labels[index] : ""
        texts.append(String(format: "%f:%d", scores[index], index) + label)
      }
    }
    return .texts(name: output.name, shape: [rows, kept], texts)
  }

  /// Returns the tensors in the order of the model's inputs.
  private func order(_ given: [NamedTensor], _ specs: [TensorSpec]) throws(OpenInferenceError) -> [Tensor] {
    for tensor in given where !specs.contains(where: { $0.name == tensor.name }) {
      throw OpenInferenceError(
        "the model has no input '\(tensor.name)'; it has: \(specs.map(\.name).joined(separator: ", "))")
    }
    var tensors: [Tensor] = []
    for spec in specs {
      let fitting = given.filter { $0.name == spec.name }
      guard fitting.count == 1, let tensor = fitting.first else {
        throw OpenInferenceError("the input '\(spec.name)' is given \(fitting.count) times; give it once")
      }
      tensors.append(tensor.tensor)
    }
    return tensors
  }
}
