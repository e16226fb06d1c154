import AsyncHTTPClient
import Diagnostics
import Foundation
import Inference
import NIOCore
import NIOHTTP1

/// The requests of one model to its server.
struct RemoteServer: Sendable {
  var model: RemoteModel
  let name: String

  /// Answers are taken as they were sent: compressed ones and redirections are not requested. Its threads start with the
  /// first model that needs them; it lives as long as the process.
  private static let client: HTTPClient = {
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.decompression = .disabled
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }()

  /// Bytes of an answer, at most: one tensor, and a megabyte for the JSON around it.
  private static let maximumAnswer = Tensor.maximumSize + (1 << 20)

  var path: String {
    let escaped =
      name.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["-", "_", "."])) ?? name
    let version = model.version.map { "/versions/\($0)" } ?? ""
    return switch model.dialect {
    case .openInference: "\(model.address)/v2/models/\(escaped)\(version)"
    case .tensorFlow: "\(model.address)/v1/models/\(escaped)\(version)"
    }
  }

  /// Runs the model.
  ///
  /// - Parameter tensors: in the order of `specs`.
  /// - Returns: tensors in the order of the outputs of `specs`, all as these describe them, and the version that the server names.
  func infer(
    _ tensors: [Tensor], _ specs: RemoteSpecs
  ) async throws(InferenceError) -> (tensors: [Tensor], version: String?) {
    let named = zip(specs.inputs, tensors).map { NamedTensor($0.name, $1) }
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
      let reply = try await send(path + "/infer", body: body, headers: headers)
      let answer = try parsing { () throws(OpenInferenceError) in
        let answer = try OpenInference.answer(reply.body, headerLength: reply.headerLength)
        try check(model: answer.model)
        return answer
      }
      if let version = answer.version { try check(versions: [version]) }
      let results = try parsing { () throws(OpenInferenceError) in
        try specs.outputs(answer.outputs, for: tensors, keepsRows: model.keepsRows)
      }
      return (results, answer.version)
    case .tensorFlow:
      let body = try parsing { () throws(OpenInferenceError) in try TensorFlowServing.body(named) }
      let reply = try await send(
        path + ":predict", body: body, headers: [("Content-Type", "application/json")])
      let results = try parsing { () throws(OpenInferenceError) in
        let results = try TensorFlowServing.outputs(reply.body, specs: specs.outputs)
        let named = zip(specs.outputs, results).map { NamedTensor($0.name, $1) }
        return try specs.outputs(named, for: tensors, keepsRows: model.keepsRows)
      }
      return (results, model.version)
    }
  }

  /// - Parameter given: the model that an answer names.
  func check(model given: String?) throws(OpenInferenceError) {
    guard let given, given != name else { return }
    throw OpenInferenceError("the answer is that of the model '\(given)'")
  }

  /// - Parameter versions: those that the server names; an empty list for a server that names none.
  /// - Throws: `notFound` when the required version is not among them.
  func check(versions: [String]) throws(InferenceError) {
    guard let wanted = model.version, !versions.isEmpty, !versions.contains(wanted) else { return }
    throw InferenceError(
      .notFound,
      "\(model.address) has '\(name)' in version \(versions.prefix(8).joined(separator: ", ")); version \(wanted) is not available there"
    )
  }

  /// Converts errors of the protocol: a server that breaks it is unavailable.
  func parsing<Result>(
    _ body: () throws(OpenInferenceError) -> Result
  ) throws(InferenceError) -> Result {
    do throws(OpenInferenceError) { return try body() } catch {
      throw InferenceError(.unavailable, "'\(name)' at \(model.address): \(error)")
    }
  }

  struct Answer {
    var body: [UInt8]
    var headerLength: Int?
  }

  /// Sends one request, with the timeout of the setting.
  func send(
    _ address: String, body: [UInt8]? = nil, headers: [(String, String)] = []
  ) async throws(InferenceError) -> Answer {
    var request = HTTPClientRequest(url: address)
    request.method = body == nil ? .GET : .POST
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
    let status: Int
    let content: [UInt8]
    var length: Int?
    var coding = ""
    do {
      let deadline = NIODeadline.now() + .nanoseconds(Int64(model.timeout * 1e9))
      let answer = try await Self.client.execute(request, deadline: deadline)
      status = Int(answer.status.code)
      length = answer.headers.first(name: OpenInference.lengthHeader).flatMap { Int($0) }
      coding = answer.headers.first(name: "content-encoding") ?? ""
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
          : "\(model.address) can't be reached for '\(name)': \(error.reason)")
    }
    guard status == 200 else {
      let text = ServerErrorText.read(content)
      // A request that the server calls invalid fails again when it is repeated.
      let kind: InferenceError.Kind =
        status == 404 ? .notFound : (400..<500).contains(status) ? .input : .unavailable
      throw InferenceError(kind, "\(model.address) rejects '\(name)' with status \(status): \(text)")
    }
    guard coding.isEmpty || coding.lowercased() == "identity" else {
      throw InferenceError(
        .unavailable,
        "\(model.address) compresses its answer for '\(name)' (\(coding.prefix(32))), unrequested")
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
