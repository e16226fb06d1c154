import AsyncHTTPClient
import Foundation
import Inference
import NIOCore
import NIOHTTP1

/// The requests of one model to its server.
struct RemoteServer: Sendable {
  let client: HTTPClient
  let model: RemoteModel
  let name: String

  /// Bytes of an answer, at most: one tensor, and a megabyte for the JSON around it.
  private static let maximumAnswer = Tensor.maximumSize + (1 << 20)

  private var path: String {
    let escaped =
      name.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["-", "_", "."])) ?? name
    let version = model.version.map { "/versions/\($0)" } ?? ""
    return switch model.dialect {
    case .openInference: "\(model.address)/v2/models/\(escaped)\(version)"
    case .tensorFlow: "\(model.address)/v1/models/\(escaped)\(version)"
    }
  }

  /// Returns the model's tensors. TensorFlow Serving's metadata has types of its own, so they come from the local model.
  func metadata(
    _ local: (any ModelSession)?
  ) async throws(InferenceError) -> (inputs: [TensorSpec], outputs: [TensorSpec]) {
    if model.dialect == .tensorFlow {
      guard let local else {
        throw InferenceError(
          .model,
          "'\(name)' on TensorFlow Serving needs the model in the local registry too, for its tensors; set 'fall_back: true' and add it with: vrbridge models add"
        )
      }
      return (local.inputs, local.outputs)
    }
    let answer = try await send(path, body: nil, headers: [])
    do throws(OpenInferenceError) {
      let specs = try OpenInference.metadata(answer.body)
      guard !specs.inputs.isEmpty, !specs.outputs.isEmpty else {
        throw OpenInferenceError("'\(name)' at \(model.address) has no tensors in its metadata")
      }
      return specs
    } catch {
      throw InferenceError(.unavailable, error.description)
    }
  }

  func infer(
    _ tensors: [Tensor], _ inputs: [TensorSpec], _ outputs: [TensorSpec]
  ) async throws(InferenceError) -> [Tensor] {
    let named = zip(inputs, tensors).map { NamedTensor($0.name, $1) }
    switch model.dialect {
    case .openInference:
      let (body, header) = try parsing { () throws(OpenInferenceError) in
        try OpenInference.body(
          id: nil, model: nil, version: nil, key: "inputs",
          parts: named.map { model.isText ? .numbers($0) : .binary($0) },
          requestsBinary: !model.isText)
      }
      var headers = [("Content-Type", header == nil ? "application/json" : "application/octet-stream")]
      if let header { headers.append((OpenInference.lengthHeader, String(header))) }
      let answer = try await send(path + "/infer", body: body, headers: headers)
      return try parsing { () throws(OpenInferenceError) in
        let results = try OpenInference.answer(answer.body, headerLength: answer.headerLength)
        var ordered: [Tensor] = []
        for spec in outputs {
          guard let result = results.first(where: { $0.name == spec.name }) else {
            throw OpenInferenceError("the answer has no '\(spec.name)'")
          }
          ordered.append(result.tensor)
        }
        return ordered
      }
    case .tensorFlow:
      let body = try parsing { () throws(OpenInferenceError) in try TensorFlowServing.body(named) }
      let answer = try await send(
        path + ":predict", body: body, headers: [("Content-Type", "application/json")])
      return try parsing { () throws(OpenInferenceError) in
        try TensorFlowServing.outputs(answer.body, specs: outputs)
      }
    }
  }

  /// Converts errors of the protocol: a server that breaks it is unavailable.
  private func parsing<Result>(
    _ body: () throws(OpenInferenceError) -> Result
  ) throws(InferenceError) -> Result {
    do throws(OpenInferenceError) { return try body() } catch {
      throw InferenceError(.unavailable, "'\(name)' at \(model.address): \(error)")
    }
  }

  private struct Answer {
    var body: [UInt8]
    var headerLength: Int?
  }

  /// Sends one request, with the timeout of the setting.
  private func send(
    _ address: String, body: [UInt8]?, headers: [(String, String)]
  ) async throws(InferenceError) -> Answer {
    var request = HTTPClientRequest(url: address)
    request.method = body == nil ? .GET : .POST
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
    let status: Int
    let content: [UInt8]
    var length: Int?
    do {
      let deadline = NIODeadline.now() + .nanoseconds(Int64(model.timeout * 1e9))
      let answer = try await client.execute(request, deadline: deadline)
      status = Int(answer.status.code)
      length = answer.headers.first(name: OpenInference.lengthHeader).flatMap { Int($0) }
      // The client's deadline ends when the headers arrive; the body gets the same time again.
      let collected = try await withTimeout(model.timeout) {
        Array(try await answer.body.collect(upTo: Self.maximumAnswer).readableBytesView)
      }
      guard let collected else { throw HTTPClientError.deadlineExceeded }
      content = collected
    } catch {
      let isLate =
        (error as? HTTPClientError) == .deadlineExceeded || (error as? HTTPClientError) == .readTimeout
      throw InferenceError(
        .unavailable,
        isLate
          ? "\(model.address) did not answer '\(name)' within \(model.timeout) s"
          : "\(model.address) can't be reached for '\(name)': \(error)")
    }
    guard status == 200 else {
      let text = ServerErrorText.read(content)
      // A request that the server calls invalid fails again when it is repeated.
      let kind: InferenceError.Kind =
        status == 404 ? .notFound : (400..<500).contains(status) ? .input : .unavailable
      throw InferenceError(kind, "\(model.address) rejects '\(name)' with status \(status): \(text)")
    }
    return Answer(body: content, headerLength: length)
  }

  private func withTimeout<Result: Sendable>(
    _ seconds: Double, _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result? {
    try await withThrowingTaskGroup(of: Result?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }
}
