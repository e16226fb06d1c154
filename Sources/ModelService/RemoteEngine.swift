import AsyncHTTPClient
import Foundation
import Inference
import NIOCore
import NIOHTTP1
import Synchronization

/// Runs models on a server: Open Inference Protocol v2 (Triton, KServe, OpenVINO Model Server, MLServer), or TensorFlow
/// Serving's predict.
public struct RemoteEngine: InferenceEngine {
  private let client: HTTPClient
  /// Runs a model here while its server does not answer.
  private let local: any InferenceEngine
  private let report: @Sendable (String) -> Void

  /// - Parameter report: is told what an operator should know.
  public init(local: any InferenceEngine, report: @escaping @Sendable (String) -> Void) {
    client = HTTPClient.shared
    self.local = local
    self.report = report
  }

  public func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    guard let place = model.remote else { return try await local.open(model, options) }
    let server = RemoteServer(client: client, place: place, name: place.name ?? model.manifest.name)
    var fallback: (any ModelSession)?
    if place.fallsBack, !model.files.isEmpty {
      var here = model
      here.remote = nil
      fallback = try? await local.open(here, options)
    }
    do throws(InferenceError) {
      let (inputs, outputs) = try await server.metadata(fallback)
      return RemoteSession(
        inputs: inputs, outputs: outputs, server: server, fallback: fallback, name: model.manifest.name,
        report: report)
    } catch {
      guard let fallback else { throw error }
      report("\(error); '\(model.manifest.name)' runs here meanwhile")
      let session = RemoteSession(
        inputs: fallback.inputs, outputs: fallback.outputs, server: server, fallback: fallback,
        name: model.manifest.name, report: report)
      session.note(isAlive: false)
      return session
    }
  }
}

/// A server's addresses for one model.
struct RemoteServer: Sendable {
  let client: HTTPClient
  let place: RemoteModel
  let name: String

  /// An answer of a megabyte for each of a frame's tensors is plenty.
  private static let maximumAnswer = Tensor.maximumSize + (1 << 20)

  private var path: String {
    let escaped =
      name.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["-", "_", "."])) ?? name
    let version = place.version.map { "/versions/\($0)" } ?? ""
    return switch place.dialect {
    case .openInference: "\(place.address)/v2/models/\(escaped)\(version)"
    case .tensorFlow: "\(place.address)/v1/models/\(escaped)\(version)"
    }
  }

  /// A server of TensorFlow tells types in words of its own; the model here knows them.
  func metadata(
    _ local: (any ModelSession)?
  ) async throws(InferenceError) -> (inputs: [TensorSpec], outputs: [TensorSpec]) {
    if place.dialect == .tensorFlow {
      guard let local else {
        throw InferenceError(
          .model,
          "a model on TensorFlow Serving needs the model here too, for its tensors ('fall_back: true')")
      }
      return (local.inputs, local.outputs)
    }
    let answer = try await send(path, body: nil, headers: [])
    do throws(OpenInferenceFault) {
      let specs = try OpenInference.metadata(answer.body)
      guard !specs.inputs.isEmpty, !specs.outputs.isEmpty else {
        throw OpenInferenceFault("'\(name)' at \(place.address) tells no tensors")
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
    switch place.dialect {
    case .openInference:
      let (body, header) = try understood { () throws(OpenInferenceFault) in
        try OpenInference.body(
          id: nil, model: nil, version: nil, key: "inputs", tensors: named.map { ($0, !place.isText) },
          asksBinary: !place.isText)
      }
      var headers = [("Content-Type", header == nil ? "application/json" : "application/octet-stream")]
      if let header { headers.append((OpenInference.lengthHeader, String(header))) }
      let answer = try await send(path + "/infer", body: body, headers: headers)
      return try understood { () throws(OpenInferenceFault) in
        let results = try OpenInference.answer(answer.body, headerLength: answer.headerLength)
        var ordered: [Tensor] = []
        for spec in outputs {
          guard let result = results.first(where: { $0.name == spec.name }) else {
            throw OpenInferenceFault("the answer has no '\(spec.name)'")
          }
          ordered.append(result.tensor)
        }
        return ordered
      }
    case .tensorFlow:
      let body = try understood { () throws(OpenInferenceFault) in try TensorFlowServing.body(named) }
      let answer = try await send(
        path + ":predict", body: body, headers: [("Content-Type", "application/json")])
      return try understood { () throws(OpenInferenceFault) in
        try TensorFlowServing.outputs(answer.body, specs: outputs)
      }
    }
  }

  private func understood<Result>(
    _ body: () throws(OpenInferenceFault) -> Result
  ) throws(InferenceError) -> Result {
    do throws(OpenInferenceFault) { return try body() } catch {
      throw InferenceError(.unavailable, "'\(name)' at \(place.address): \(error)")
    }
  }

  private struct Answer {
    var body: [UInt8]
    var headerLength: Int?
  }

  /// One request within the time that the setting gives.
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
      let deadline = NIODeadline.now() + .nanoseconds(Int64(place.timeout * 1e9))
      let answer = try await client.execute(request, deadline: deadline)
      status = Int(answer.status.code)
      length = answer.headers.first(name: OpenInference.lengthHeader).flatMap { Int($0) }
      // The client's deadline ends with the headers' arrival; a body that never ends is given as long again.
      let collected = try await withTimeout(place.timeout) {
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
          ? "\(place.address) did not answer '\(name)' within \(place.timeout) s"
          : "\(place.address) can't be asked for '\(name)': \(error)")
    }
    guard status == 200 else {
      let json = try? JSONSerialization.jsonObject(with: Data(content)) as? [String: Any]
      let said = json?["error"] ?? json?["detail"] ?? String(decoding: content.prefix(200), as: UTF8.self)
      let text = String("\(said)".unicodeScalars.filter { $0.value >= 32 }.map(Character.init).prefix(200))
      // What the server calls the client's fault will not be better the next time.
      let kind: InferenceError.Kind =
        status == 404 ? .notFound : (400..<500).contains(status) ? .input : .unavailable
      throw InferenceError(kind, "\(place.address) refuses '\(name)' with \(status): \(text)")
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

/// A model on a server. What fails for reasons of the network or the server is tried again; after some failures in a
/// row the server is left alone for a while, longer each time, and the model runs here if it can.
final class RemoteSession: ModelSession {
  private struct Breaker {
    var failures = 0
    /// Until then nobody asks the server.
    var closedUntil: ContinuousClock.Instant?
    var pause = 1.0
    /// One asks whether it is back.
    var isProbing = false
    var isAway = false
  }

  let inputs: [TensorSpec]
  let outputs: [TensorSpec]
  private let server: RemoteServer
  private let fallback: (any ModelSession)?
  private let name: String
  private let report: @Sendable (String) -> Void
  private let breaker = Mutex(Breaker())

  private static let patience = 3
  private static let longestPause = 30.0

  init(
    inputs: [TensorSpec], outputs: [TensorSpec], server: RemoteServer, fallback: (any ModelSession)?,
    name: String, report: @escaping @Sendable (String) -> Void
  ) {
    self.inputs = inputs
    self.outputs = outputs
    self.server = server
    self.fallback = fallback
    self.name = name
    self.report = report
  }

  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
    try TensorCheck.check(tensors, against: inputs)
    guard mayAsk() else {
      if let fallback { return try await fallback.infer(tensors) }
      throw InferenceError(
        .unavailable, "\(server.place.address) does not answer; it is asked again in a while")
    }
    var last = InferenceError(.unavailable, "")
    for attempt in 0...server.place.retries {
      do throws(InferenceError) {
        let results = try await server.infer(tensors, inputs, outputs)
        note(isAlive: true)
        return results
      } catch {
        last = error
        guard error.kind == .unavailable else {
          // The server lives and says no.
          note(isAlive: true)
          throw error
        }
        if attempt < server.place.retries {
          // Twice as long each time, and never at the same moment as others.
          let pause = 0.05 * Double(1 << min(attempt, 6)) * Double.random(in: 0.5...1.5)
          try? await Task.sleep(for: .seconds(pause))
        }
      }
    }
    note(isAlive: false, because: last.description)
    if let fallback { return try await fallback.infer(tensors) }
    throw last
  }

  private func mayAsk() -> Bool {
    breaker.withLock { breaker in
      guard let until = breaker.closedUntil else { return true }
      guard ContinuousClock.now >= until, !breaker.isProbing else { return false }
      breaker.isProbing = true
      return true
    }
  }

  func note(isAlive: Bool, because reason: String = "") {
    let news = breaker.withLock { breaker -> String? in
      breaker.isProbing = false
      if isAlive {
        defer { breaker = Breaker() }
        return breaker.isAway ? "\(server.place.address) answers '\(name)' again" : nil
      }
      breaker.failures += 1
      // A server that was asked whether it is back, and is not, is left alone at once.
      guard breaker.failures >= Self.patience || breaker.closedUntil != nil || reason.isEmpty else {
        return nil
      }
      breaker.closedUntil = .now + .seconds(breaker.pause)
      breaker.pause = min(breaker.pause * 2, Self.longestPause)
      defer { breaker.isAway = true }
      guard !breaker.isAway, !reason.isEmpty else { return nil }
      return reason + (fallback == nil ? "" : "; '\(name)' runs here meanwhile")
    }
    if let news { report(news) }
  }
}
