import Foundation
import HTTPTypes
import Hummingbird
import Imaging
import Inference
import Perception

/// What each address answers.
struct ModelEndpoints: Sendable {
  let options: ServiceOptions
  let host: ModelHost
  let product: String
  let frames: (@Sendable (SubmittedFrame) -> Bool)?
  let monitor: ServiceMonitor?

  func answer(_ request: Request, _ body: [UInt8]) async -> HTTPReply {
    // Whether it lives is asked by those who hold no token.
    if let monitor, let reply = health(request, monitor) { return reply }
    guard let principal = options.principal(request.headers[.authorization]) else {
      var reply = HTTPReply.error(.unauthorized, "this service needs a token: Authorization: Bearer …")
      reply.headers = [(.wwwAuthenticate, "Bearer")]
      return reply
    }
    let path = request.uri.path.split(separator: "/").map {
      $0.utf8.contains(UInt8(ascii: "%")) ? $0.removingPercentEncoding ?? String($0) : String($0)
    }
    do throws(InferenceError) {
      return try await route(path, request, body, principal)
    } catch {
      return HTTPReply.error(Self.status(error.kind), error.description)
    }
  }

  private func health(_ request: Request, _ monitor: ServiceMonitor) -> HTTPReply? {
    guard request.method == .get || request.method == .head else { return nil }
    switch request.uri.path {
    case "/health/live": return HTTPReply(status: .ok, type: "text/plain", body: Array("alive\n".utf8))
    case "/health/ready":
      guard let problem = monitor.problem() else {
        return HTTPReply(status: .ok, type: "text/plain", body: Array("ready\n".utf8))
      }
      return HTTPReply(status: .serviceUnavailable, type: "text/plain", body: Array((problem + "\n").utf8))
    default: return nil
    }
  }

  static func status(_ kind: InferenceError.Kind) -> HTTPResponse.Status {
    switch kind {
    case .input: .badRequest
    case .notFound: .notFound
    case .unavailable, .late: .serviceUnavailable
    case .model, .failed: .internalServerError
    }
  }

  /// Bytes of a request that are read in no time.
  private static let smallBody = 1 << 16

  /// What takes its time, on the threads that all tasks share: others wait for the connection's own.
  private func apart(
    _ work: () async throws(InferenceError) -> HTTPReply
  ) async throws(InferenceError) -> HTTPReply {
    try await withTaskExecutorPreference(globalConcurrentExecutor, operation: work)
  }

  private func route(
    _ path: [String], _ request: Request, _ body: [UInt8], _ principal: Principal
  ) async throws(InferenceError) -> HTTPReply {
    let isGet = request.method == .get || request.method == .head
    func method(_ expected: HTTPRequest.Method) -> HTTPReply? {
      if expected == .get ? isGet : request.method == expected { return nil }
      var reply = HTTPReply.error(.methodNotAllowed, "this address takes \(expected.rawValue)")
      reply.headers = [(.allow, expected.rawValue)]
      return reply
    }
    switch (path.count, path.first) {
    case (1, "metrics"):
      if let wrong = method(.get) { return wrong }
      guard let monitor else { return .error(.notFound, "there is nothing at /metrics") }
      return HTTPReply(status: .ok, type: monitor.metricsType, body: Array(await monitor.metrics().utf8))
    case (1, "openapi.json"):
      return method(.get) ?? HTTPReply.json(OpenAPIDocument.text(product: product))
    case (1, "classify"):
      if let wrong = method(.post) { return wrong }
      return try await apart { () async throws(InferenceError) in
        try await classify(request, body, principal)
      }
    case (2, "classify") where path[1] == "text":
      if let wrong = method(.post) { return wrong }
      let asked = try TextRequest.read(body)
      // Who may not use the model learns nothing of it, here as elsewhere.
      _ = try await model(SentenceEmbedder.modelName, nil, principal)
      return .json(try await asked.answer(SentenceEmbedder(host: host)))
    case (1, "frames"):
      if let wrong = method(.post) { return wrong }
      return submit(request, body)
    case (1, "v2"):
      return method(.get)
        ?? .json(
          "{\"name\":\"vrbridge\",\"version\":\(JSONTensor.quoted(product)),\"extensions\":[\"binary_tensor_data\",\"classification\",\"model_repository\",\"statistics\"]}"
        )
    case (3, "v2") where path[1] == "health" && ["live", "ready"].contains(path[2]):
      return method(.get) ?? HTTPReply(status: .ok, type: "text/plain")
    case (3..., "v2") where path[1] == "models":
      return try await model(Array(path.dropFirst(2)), request, body, principal, method)
    case (3..., "v2") where path[1] == "repository":
      if let wrong = method(.post) { return wrong }
      return try await repository(Array(path.dropFirst(2)), principal)
    case (3..., "v1") where path[1] == "models":
      return try await tensorFlow(Array(path.dropFirst(2)), body, principal, method)
    default: return .error(.notFound, "there is nothing at \(request.uri.path)")
    }
  }

  private func model(
    _ name: String, _ version: String?, _ principal: Principal
  ) async throws(InferenceError) -> ModelHost.Loaded {
    // Who may not use it does not learn whether it is there, and nobody where models lie.
    let missing = InferenceError(.notFound, "there is no model '\(name)'")
    guard principal.mayUse(name) else { throw missing }
    do throws(InferenceError) { return try await host.model(name, version: version) } catch {
      if host.versions(of: name).isEmpty { throw missing }
      throw error
    }
  }

  // MARK: Open Inference Protocol

  private func model(
    _ path: [String], _ request: Request, _ body: [UInt8], _ principal: Principal,
    _ method: (HTTPRequest.Method) -> HTTPReply?
  ) async throws(InferenceError) -> HTTPReply {
    let name = path[0]
    if path == ["stats"], host.versions(of: "stats").isEmpty {
      if let wrong = method(.get) { return wrong }
      return .json(await statistics(nil, principal))
    }
    var rest = Array(path.dropFirst())
    var version: String?
    if rest.first == "versions", rest.count >= 2 {
      version = rest[1]
      rest.removeFirst(2)
    }
    switch rest.first {
    case nil:
      if let wrong = method(.get) { return wrong }
      return try await metadata(name, version, principal)
    case "ready" where rest.count == 1:
      if let wrong = method(.get) { return wrong }
      do throws(InferenceError) {
        _ = try await model(name, version, principal)
        return HTTPReply(status: .ok, type: "text/plain")
      } catch {
        return .error(error.kind == .notFound ? .notFound : .badRequest, error.description)
      }
    case "stats" where rest.count == 1:
      if let wrong = method(.get) { return wrong }
      guard principal.mayUse(name), !host.versions(of: name).isEmpty else {
        throw InferenceError(.notFound, "there is no model '\(name)'")
      }
      return .json(await statistics(name, principal))
    case "config" where rest.count == 1:
      if let wrong = method(.get) { return wrong }
      let loaded = try await model(name, version, principal)
      return .json(
        "{\"name\":\(JSONTensor.quoted(name)),\"platform\":\"openvino\",\"max_batch_size\":0,\"input\":\(specs(loaded.session.inputs, "data_type", "TYPE_", "dims")),\"output\":\(specs(loaded.session.outputs, "data_type", "TYPE_", "dims"))}"
      )
    case "infer" where rest.count == 1:
      if let wrong = method(.post) { return wrong }
      if body.count <= Self.smallBody { return try await infer(name, version, request, body, principal) }
      return try await apart { () async throws(InferenceError) in
        try await infer(name, version, request, body, principal)
      }
    default: return .error(.notFound, "there is nothing at \(request.uri.path)")
    }
  }

  private func specs(
    _ list: [TensorSpec], _ typeKey: String = "datatype", _ prefix: String = "", _ shapeKey: String = "shape"
  ) -> String {
    "["
      + list.map { spec in
        "{\"name\":\(JSONTensor.quoted(spec.name)),\"\(typeKey)\":\"\(prefix)\(spec.type.rawValue)\",\"\(shapeKey)\":[\(spec.shape.map(String.init).joined(separator: ","))]}"
      }.joined(separator: ",") + "]"
  }

  private func metadata(
    _ name: String, _ version: String?, _ principal: Principal
  ) async throws(InferenceError) -> HTTPReply {
    let loaded = try await model(name, version, principal)
    let versions = host.versions(of: name).map(JSONTensor.quoted).joined(separator: ",")
    return .json(
      "{\"name\":\(JSONTensor.quoted(name)),\"versions\":[\(versions)],\"platform\":\"openvino\",\"inputs\":\(specs(loaded.session.inputs)),\"outputs\":\(specs(loaded.session.outputs)),\"parameters\":{\"task\":\"\(loaded.manifest.task.rawValue)\",\"digest\":\"\(loaded.digest)\",\"version\":\(JSONTensor.quoted(loaded.manifest.version))}}"
    )
  }

  private func infer(
    _ name: String, _ version: String?, _ request: Request, _ body: [UInt8], _ principal: Principal
  ) async throws(InferenceError) -> HTTPReply {
    let loaded = try await model(name, version, principal)
    var length: Int?
    if let field = HTTPField.Name(OpenInference.lengthHeader), let given = request.headers[field] {
      guard let number = Int(given), number >= 0 else {
        throw InferenceError(.input, "\(OpenInference.lengthHeader) is no number of bytes")
      }
      length = number
    }
    do throws(OpenInferenceFault) {
      let asked = try OpenInference.request(body, headerLength: length, specs: loaded.session.inputs)
      let tensors = try order(asked.inputs, loaded.session.inputs)
      let known = loaded.session.outputs
      for output in asked.outputs where !known.contains(where: { $0.name == output.name }) {
        throw OpenInferenceFault("'\(name)' has no output '\(output.name)'")
      }
      let results: [Tensor]
      do throws(InferenceError) {
        results = try await host.infer(
          loaded, tensors, priority: .service, within: .seconds(options.patience))
      } catch {
        return HTTPReply.error(Self.status(error.kind), error.description)
      }
      var chosen: [(tensor: NamedTensor, isBinary: Bool)] = []
      var classes = ""
      for (spec, tensor) in zip(known, results) {
        let wanted = asked.outputs.first { $0.name == spec.name }
        if !asked.outputs.isEmpty, wanted == nil { continue }
        if let wanted, wanted.classes > 0 {
          if !classes.isEmpty { classes += "," }
          classes += classification(NamedTensor(spec.name, tensor), wanted.classes, loaded.manifest.labels)
        } else {
          chosen.append((NamedTensor(spec.name, tensor), wanted?.isBinary ?? asked.isBinary))
        }
      }
      var (bytes, header) = try OpenInference.body(
        id: asked.id, model: name, version: loaded.manifest.version, key: "outputs", tensors: chosen)
      if !classes.isEmpty {
        guard header == nil else {
          throw OpenInferenceFault("classifications and binary tensors can't be asked for together")
        }
        // Before the list's end.
        bytes.removeLast(2)
        bytes += Array(((chosen.isEmpty ? "" : ",") + classes + "]}").utf8)
      }
      var reply = HTTPReply(status: .ok, body: bytes)
      if let header, let field = HTTPField.Name(OpenInference.lengthHeader) {
        reply.type = "application/octet-stream"
        reply.headers = [(field, String(header))]
      }
      return reply
    } catch {
      throw InferenceError(.input, error.description)
    }
  }

  /// Triton's classification extension: for each row the best classes as "score:index:label".
  private func classification(_ output: NamedTensor, _ count: Int, _ labels: [String]) -> String {
    let numbers = output.tensor.numbers
    let width = max(1, output.tensor.shape.last ?? 1)
    let rows = max(1, numbers.count / width)
    var texts: [String] = []
    let kept = min(count, width)
    for row in 0..<rows {
      let scores = Array(numbers[(row * width)..<min((row + 1) * width, numbers.count)])
      for index in scores.indices.sorted(by: { scores[$0] > scores[$1] }).prefix(kept) {
        let label = index < labels.count ? ":" + labels[index] : ""
        texts.append(JSONTensor.quoted(String(format: "%f:%d", scores[index], index) + label))
      }
    }
    return
      "{\"name\":\(JSONTensor.quoted(output.name)),\"datatype\":\"BYTES\",\"shape\":[\(rows),\(kept)],\"data\":[\(texts.joined(separator: ","))]}"
  }

  private func order(_ given: [NamedTensor], _ specs: [TensorSpec]) throws(OpenInferenceFault) -> [Tensor] {
    for tensor in given where !specs.contains(where: { $0.name == tensor.name }) {
      throw OpenInferenceFault(
        "the model has no input '\(tensor.name)'; it has: \(specs.map(\.name).joined(separator: ", "))")
    }
    var tensors: [Tensor] = []
    for spec in specs {
      let fitting = given.filter { $0.name == spec.name }
      guard fitting.count == 1, let tensor = fitting.first else {
        throw OpenInferenceFault("the input '\(spec.name)' is given \(fitting.count) times")
      }
      tensors.append(tensor.tensor)
    }
    return tensors
  }

  private func statistics(_ name: String?, _ principal: Principal) async -> String {
    let rows = await host.index().filter { (name == nil || $0.name == name) && principal.mayUse($0.name) }
    let list = rows.map { row in
      let figures = row.figures
      let nanoseconds = Int(figures.seconds * 1e9)
      return
        "{\"name\":\(JSONTensor.quoted(row.name)),\"version\":\(JSONTensor.quoted(row.version)),\"inference_count\":\(figures.runs),\"execution_count\":\(figures.runs),\"inference_stats\":{\"success\":{\"count\":\(figures.runs),\"ns\":\(nanoseconds)},\"fail\":{\"count\":\(figures.failures + figures.dropped),\"ns\":0}}}"
    }
    return "{\"model_stats\":[\(list.joined(separator: ","))]}"
  }

  // MARK: repository

  private func repository(_ path: [String], _ principal: Principal) async throws(InferenceError) -> HTTPReply
  {
    if path == ["index"] {
      let rows = await host.index().filter { principal.mayUse($0.name) }
      let list = rows.map { row in
        "{\"name\":\(JSONTensor.quoted(row.name)),\"version\":\(JSONTensor.quoted(row.version)),\"state\":\"\(row.state)\",\"reason\":\(JSONTensor.quoted(row.reason))}"
      }
      return .json("[\(list.joined(separator: ","))]")
    }
    guard path.count == 3, path[0] == "models", ["load", "unload"].contains(path[2]) else {
      return .error(.notFound, "there is nothing at this address")
    }
    guard principal.manages else { return .error(.forbidden, "this token may not load or unload models") }
    guard principal.mayUse(path[1]) else { throw InferenceError(.notFound, "there is no model '\(path[1])'") }
    if path[2] == "load" { try await host.reload(path[1]) } else { try await host.unload(path[1]) }
    return HTTPReply(status: .ok)
  }

  // MARK: TensorFlow Serving

  private func tensorFlow(
    _ path: [String], _ body: [UInt8], _ principal: Principal, _ method: (HTTPRequest.Method) -> HTTPReply?
  ) async throws(InferenceError) -> HTTPReply {
    var path = path
    var verb = ""
    if let last = path.last, let colon = last.lastIndex(of: ":") {
      verb = String(last[last.index(after: colon)...])
      path[path.count - 1] = String(last[..<colon])
    }
    let name = path[0]
    var version: String?
    if path.count >= 3, path[1] == "versions" { version = path[2] }
    let isModel = path.count == 1 || (path.count == 3 && path[1] == "versions")
    let loaded = try await model(name, version, principal)
    if isModel, verb.isEmpty {
      return method(.get)
        ?? .json(
          "{\"model_version_status\":[{\"version\":\(JSONTensor.quoted(loaded.manifest.version)),\"state\":\"AVAILABLE\",\"status\":{\"error_code\":\"OK\",\"error_message\":\"\"}}]}"
        )
    }
    guard isModel, verb == "predict" else {
      return .error(.notFound, "models are asked with :predict")
    }
    if let wrong = method(.post) { return wrong }
    do throws(OpenInferenceFault) {
      let asked = try TensorFlowServing.request(body, specs: loaded.session.inputs)
      let results: [Tensor]
      do throws(InferenceError) {
        results = try await host.infer(
          loaded, asked.inputs, priority: .service, within: .seconds(options.patience))
      } catch {
        return HTTPReply.error(Self.status(error.kind), error.description)
      }
      let named = zip(loaded.session.outputs, results).map { NamedTensor($0.name, $1) }
      return .json(try TensorFlowServing.answer(named, isRows: asked.isRows))
    } catch {
      throw InferenceError(.input, error.description)
    }
  }

  // MARK: pictures

  private func classify(
    _ request: Request, _ body: [UInt8], _ principal: Principal
  ) async throws(InferenceError) -> HTTPReply {
    let query = request.uri.queryParameters
    let upload: PictureUpload
    do throws(PictureFault) {
      upload = try PictureUpload(body, contentType: request.headers[.contentType] ?? "")
    } catch {
      throw InferenceError(.input, error.description)
    }
    let top = min(max(upload.top ?? query["top"].flatMap { Int($0) } ?? 5, 1), 1000)
    let name = upload.model ?? query["model"].map(String.init) ?? ""
    guard !name.isEmpty else {
      throw InferenceError(.input, "say which model: /classify?model=NAME")
    }
    let loaded = try await model(name, nil, principal)
    let image: RGBImage
    do throws(PictureFault) {
      image = try Picture.decode(upload.bytes, maximumPixels: options.maximumPixels)
    } catch {
      throw InferenceError(.input, error.description)
    }
    var answer =
      "{\"model\":\(JSONTensor.quoted(name)),\"version\":\(JSONTensor.quoted(loaded.manifest.version)),\"digest\":\"\(loaded.digest)\""
    switch loaded.manifest.task {
    case .objectDetection:
      let found = try await ObjectDetector().detect(image, loaded, host: host, priority: .service)
      let labels = loaded.manifest.labels
      let list = found.prefix(top).map { object in
        let label = object.label < labels.count ? labels[object.label] : "class \(object.label)"
        return
          "{\"label\":\(JSONTensor.quoted(label)),\"score\":\(object.score),\"box\":[\(object.box.x),\(object.box.y),\(object.box.z),\(object.box.w)]}"
      }
      let best = found.first.map { $0.label < labels.count ? labels[$0.label] : "class \($0.label)" }
      answer +=
        ",\"label\":\(best.map(JSONTensor.quoted) ?? "null"),\"score\":\(found.first?.score ?? 0),\"top\":[\(list.joined(separator: ","))]}"
    case .imageClassification:
      let scores = try await ImageClassifier().classify(image, loaded, host: host)
      let list = scores.prefix(top).map { "{\"label\":\(JSONTensor.quoted($0.label)),\"score\":\($0.value)}" }
      answer +=
        ",\"label\":\(scores.first.map { JSONTensor.quoted($0.label) } ?? "null"),\"score\":\(scores.first?.value ?? 0),\"top\":[\(list.joined(separator: ","))]}"
    default:
      throw InferenceError(
        .input, "'\(name)' is a model of \(loaded.manifest.task.rawValue): it names no pictures")
    }
    return .json(answer)
  }

  private func submit(_ request: Request, _ body: [UInt8]) -> HTTPReply {
    guard let frames else { return .error(.notFound, "this service takes no frames") }
    let query = request.uri.queryParameters
    func numbers(_ key: String, _ count: Int) -> [Double]? {
      guard let text = query[Substring(key)] else { return nil }
      let list = text.split(separator: ",").compactMap { Double($0) }
      return list.count == count && list.allSatisfy(\.isFinite) ? list : []
    }
    let (pose, intrinsics) = (numbers("pose", 7), numbers("intrinsics", 4))
    guard pose?.isEmpty != true, intrinsics?.isEmpty != true else {
      return .error(
        .badRequest, "pose takes seven numbers (x,y,z,qx,qy,qz,qw) and intrinsics four (fx,fy,cx,cy)")
    }
    guard body.starts(with: [0xff, 0xd8]) else { return .error(.badRequest, "a frame is a JPEG") }
    let captured = query["captured_ns"].map { Int64($0) }
    if let captured, captured == nil { return .error(.badRequest, "captured_ns is a whole number") }
    let isTaken = frames(
      SubmittedFrame(
        bytes: body, camera: String((query["camera"].map(String.init) ?? "client").prefix(64)),
        captured: captured ?? nil, pose: pose, intrinsics: intrinsics))
    return isTaken
      ? HTTPReply(status: .accepted)
      : .error(.serviceUnavailable, "clients have named too many cameras already")
  }
}
