import AsyncHTTPClient
import Authorisation
import CLinux
import Foundation
import HTTPServer
import Imaging
import Inference
import Logging
import NIOCore
import NIOHTTP1
import Sensing
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import ModelService

/// Runs a model service on a free port of the loopback during a test.
func withServer<Result: Sendable>(
  _ registry: ModelRegistry, tokens: [HTTPServerOptions.Token] = [],
  maximumPixels: Int = 32 << 20, allowsModelChanges: Bool = true,
  frames: (@Sendable (SubmittedFrame) -> Bool)? = nil,
  _ body: @Sendable @escaping (Int) async throws -> Result
) async throws -> Result {
  var options = HTTPServerOptions(address: .network(host: "127.0.0.1", port: 0))
  options.tokens = tokens
  let (ports, announce) = AsyncStream<Int>.makeStream()
  var log = Logger(label: "test")
  log.logLevel = .error
  var limits = ModelServiceOptions()
  limits.maximumPixels = maximumPixels
  var handlers: [any HTTPHandler] = [
    ModelEndpoints(
      host: TinyModel.host(registry), pictures: .inThisProcess, product: "test", options: limits),
    MonitorEndpoints(
      metricsType: "application/openmetrics-text", metrics: { "# EOF\n" }, problem: { nil }),
    try DocumentEndpoint(file: TestPaths.openAPIDocument),
  ]
  if let frames { handlers.append(FrameEndpoint(submit: frames)) }
  var access = ClientAccess.owners
  access.policy.allowsModelChanges = allowsModelChanges
  let server = try HTTPService(options, access: access, handlers: handlers, log: log) {
    announce.yield($0 ?? 0)
  }
  let group = ServiceGroup(services: [server], logger: log)
  let running = Task { try await group.run() }
  var port = 0
  for await value in ports {
    port = value
    break
  }
  do {
    let result = try await body(port)
    await group.triggerGracefulShutdown()
    try await running.value
    return result
  } catch {
    await group.triggerGracefulShutdown()
    throw error
  }
}

struct Reply: Sendable {
  var status: Int
  var headers: HTTPHeaders
  var body: [UInt8]
  var text: String { String(decoding: body, as: UTF8.self) }
}

func ask(
  _ port: Int, _ method: HTTPMethod, _ path: String, _ body: [UInt8]? = nil, headers: [(String, String)] = []
) async throws -> Reply {
  var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
  request.method = method
  for (name, value) in headers { request.headers.add(name: name, value: value) }
  if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
  let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
  let content = try await answer.body.collect(upTo: 1 << 24)
  return Reply(
    status: Int(answer.status.code), headers: answer.headers, body: Array(content.readableBytesView))
}

@Suite(.enabled(if: Models.areHere, "needs the library that 'make test' fetches"))
struct ServerTests {
  private static let good =
    "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2,3]}]}"

  @Test func requestsAreAnsweredAndErrorsHaveStatusTextAndCode() async throws {
    try await withServer(try TinyModel.registry().registry) { port in
      let answer = try await ask(port, .POST, "/v2/models/double/infer", Array(Self.good.utf8))
      #expect(answer.status == 200 && answer.text.contains("\"data\":[2.0,4.0,6.0]"), "\(answer.text)")
      let rows = try await ask(
        port, .POST, "/v1/models/double:predict", Array("{\"instances\":[[1,2,3],[4,5,6]]}".utf8))
      #expect(rows.text == "{\"predictions\":[[2.0,4.0,6.0],[8.0,10.0,12.0]]}")
      let cases: [(HTTPMethod, String, String, Int)] = [
        (.GET, "/v2/models/none", "", 404), (.GET, "/v2/models/double/versions/9", "", 404),
        (.POST, "/v2/models/none/infer", Self.good, 404), (.POST, "/v2/models/double/infer", "{", 400),
        (.POST, "/v2/models/double/infer", Self.good.replacingOccurrences(of: "\"x\"", with: "\"z\""), 400),
        (.POST, "/v2/models/double/infer", Self.good.replacingOccurrences(of: "[1,3]", with: "[3,1]"), 400),
        (.POST, "/v2/models/double/infer", Self.good.replacingOccurrences(of: "[1,2,3]", with: "[1,2]"), 400),
        (.GET, "/v2/models/double/infer", "", 405), (.DELETE, "/v2", "", 405), (.GET, "/", "", 404),
        (.GET, "/v2/nothing", "", 404), (.POST, "/v2/repository/models/none/load", "{}", 404),
        (.POST, "/v2/repository/models/double/dance", "{}", 404), (.GET, "/%00%ff/../..", "", 404),
        (.POST, "/v1/models/double:predict", "{\"instances\":[[1,2]]}", 400),
        (.POST, "/classify?model=double", "x", 400),
        (.POST, "/classify?model=color&top=x", "x", 400), (.POST, "/classify?model=color&top=0", "x", 400),
        (.POST, "/classify", "x", 400), (.POST, "/frames", "x", 404),
        (.GET, "/classify/text", "", 405), (.POST, "/classify/text", "x", 400),
        (.POST, "/classify/text", #"{"text":"x","examples":{"a":["x"],"b":[]}}"#, 400),
        (.POST, "/classify/text", #"{"text":"x","examples":{"a":["x"],"b":["y"]}}"#, 404),
      ]
      for (method, path, body, status) in cases {
        let reply = try await ask(port, method, path, body.isEmpty ? nil : Array(body.utf8))
        #expect(reply.status == status, "\(method) \(path): \(reply.status) \(reply.text)")
        let json = try JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: Any]
        #expect((json?["error"] as? String)?.isEmpty == false, "\(path): \(reply.text)")
        let code = json?["code"] as? String ?? ""
        #expect(code.wholeMatch(of: /[a-z]+(-[a-z]+)+/) != nil, "\(path): \(reply.text)")
      }
      #expect(try await ask(port, .GET, "/v2/health/ready").status == 200)
    }
  }

  @Test func aTokenAdmitsToItsModelsOnly() async throws {
    let tokens = [
      HTTPServerOptions.Token(secret: "one-one-one-one-one", models: ["double"]),
      HTTPServerOptions.Token(secret: "all-all-all-all-all", scopes: Set(Scope.allCases)),
    ]
    try await withServer(try TinyModel.registry().registry, tokens: tokens) { port in
      func status(_ path: String, _ secret: String?, _ method: HTTPMethod = .GET) async throws -> Int {
        let headers = secret.map { [("Authorization", "Bearer \($0)")] } ?? []
        return try await ask(port, method, path, method == .POST ? Array("{}".utf8) : nil, headers: headers)
          .status
      }
      #expect(try await status("/v2", nil) == 401)
      #expect(try await status("/v2", "wrong-wrong-wrong-wrong") == 401)
      #expect(try await status("/v2/models/double", "one-one-one-one-one") == 200)
      #expect(try await status("/v2/models/color", "one-one-one-one-one") == 404)
      #expect(try await status("/v2/repository/models/double/unload", "one-one-one-one-one", .POST) == 403)
      #expect(try await status("/v2/models/color", "all-all-all-all-all") == 200)
      #expect(try await status("/v2/repository/models/double/unload", "all-all-all-all-all", .POST) == 200)
      let index = try await ask(
        port, .POST, "/v2/repository/index", headers: [("Authorization", "Bearer one-one-one-one-one")])
      #expect(index.text.contains("double") && !index.text.contains("color"))
    }
  }

  @Test func modelsAreNotChangedUnlessTheConfigurationPermitsIt() async throws {
    try await withServer(try TinyModel.registry().registry, allowsModelChanges: false) { port in
      for change in ["load", "unload"] {
        let reply = try await ask(port, .POST, "/v2/repository/models/double/\(change)", Array("{}".utf8))
        #expect(reply.status == 403 && reply.text.contains("model-changes-off"))
        #expect(reply.text.contains("'models: allow_dynamic_load'"), "\(reply.text)")
      }
      #expect(try await ask(port, .GET, "/v2/models/double").status == 200)
    }
  }

  @Test func picturesAreClassified() async throws {
    try await withServer(
      try TinyModel.registry().registry, maximumPixels: 10_000
    ) { port in
      let red = try #require(RGBImage(width: 40, height: 30, fill: (250, 10, 10)))
      let (jpeg, png) = (try JPEG.encode(red), try PNG.encode(red))
      for (body, type) in [(jpeg, "image/jpeg"), (png, "image/png"), (jpeg, "application/octet-stream")] {
        let reply = try await ask(
          port, .POST, "/classify?model=color&top=2", body, headers: [("Content-Type", type)])
        #expect(reply.status == 200 && reply.text.contains("\"label\":\"red\""), "\(reply.text)")
      }
      let json = "{\"model\":\"color\",\"top\":1,\"image\":\"\(Data(png).base64EncodedString())\"}"
      let reply = try await ask(
        port, .POST, "/classify", Array(json.utf8), headers: [("Content-Type", "application/json")])
      #expect(reply.text.contains("\"label\":\"red\"") && !reply.text.contains("green"), "\(reply.text)")
      var form = Array(
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ncolor\r\n--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\nContent-Type: image/png\r\n\r\n"
          .utf8)
      form += png + Array("\r\n--b--\r\n".utf8)
      let posted = try await ask(
        port, .POST, "/classify", form, headers: [("Content-Type", "multipart/form-data; boundary=b")])
      #expect(posted.text.contains("\"label\":\"red\""), "\(posted.text)")
      // Too large, none, cut off, of no size.
      let large = try PNG.encode(try #require(RGBImage(width: 200, height: 200, fill: (1, 2, 3))))
      for (body, part) in [
        (large, "too large"), ([UInt8](), "no image"), (Array(png.prefix(20)), "PNG"),
        (Array("GIF89a".utf8), "neither"),
      ] {
        let refused = try await ask(port, .POST, "/classify?model=color", body)
        #expect(refused.status == 400 && refused.text.contains(part), "\(part): \(refused.text)")
      }
    }
  }

  /// Classes of the caller's own, from a few phrases each.
  @Test func textsAreClassifiedByExamples() async throws {
    let registry = TestHost.registry()
    try await withServer(
      registry, tokens: [HTTPServerOptions.Token(secret: "only-hands-only-hands", models: ["hand-landmarks"])]
    ) {
      port in
      let body =
        #"{"text":"it smells of burning plastic","examples":{"fire":["there is smoke","something burns","I see flames"],"water":["the pipe leaks","the floor is wet"],"fine":["all is well","nothing to report"]},"top":2}"#
      // A token for another model does not open this one.
      let refused = try await ask(
        port, .POST, "/classify/text", Array(body.utf8),
        headers: [("Authorization", "Bearer only-hands-only-hands")])
      #expect(refused.status == 404, "\(refused.text)")
    }
    try await withServer(registry) { port in
      for (text, label) in [("it smells of burning plastic", "fire"), ("a puddle under the pump", "water")] {
        let body =
          "{\"text\":\"\(text)\",\"examples\":{\"fire\":[\"there is smoke\",\"something burns\",\"I see flames\"],\"water\":[\"the pipe leaks\",\"the floor is wet\"],\"fine\":[\"all is well\",\"nothing to report\"]},\"top\":2}"
        let reply = try await ask(port, .POST, "/classify/text", Array(body.utf8))
        let json = try JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: Any]
        #expect(reply.status == 200 && json?["label"] as? String == label, "\(reply.text)")
        #expect(
          (json?["top"] as? [Any])?.count == 2 && (json?["score"] as? Double ?? 0) > 0.4, "\(reply.text)")
      }
    }
  }

  @Test func framesOfClientsAreSubmitted() async throws {
    let captured = linux_monotonic_ns() - 20_000_000
    let taken = Mutex<[SubmittedFrame]>([])
    try await withServer(
      try TinyModel.registry().registry,
      frames: { frame in
        taken.withLock { $0.append(frame) }
        return frame.camera != "one too many"
      }
    ) { port in
      let picture = try JPEG.encode(try #require(RGBImage(width: 8, height: 8, fill: (1, 2, 3))))
      #expect(
        try await ask(
          port, .POST,
          "/frames?camera=unity&captured_ns=\(captured)&pose=1,2,3,0,0,0,1&intrinsics=400,400,4,4", picture
        ).status == 202)
      #expect(try await ask(port, .POST, "/frames?pose=1,2,3", picture).status == 400)
      #expect(try await ask(port, .POST, "/frames?camera=one%20too%20many", picture).status == 503)
      for wrong in ["captured_ns=x", "captured_ns=5", "pose=1,2,3,0,0,0,0", "intrinsics=0,400,4,4"] {
        let reply = try await ask(port, .POST, "/frames?" + wrong, picture)
        #expect(reply.status == 400 && reply.text.contains("frame-invalid"), "\(wrong): \(reply.text)")
      }
      #expect(try await ask(port, .POST, "/frames", Array("no picture".utf8)).status == 400)
    }
    let frame = try #require(taken.withLock { $0 }.first)
    #expect(taken.withLock { $0.count } == 2 && frame.camera == "unity" && frame.captured == captured)
    #expect(frame.pose == [1, 2, 3, 0, 0, 0, 1] && frame.intrinsics == [400, 400, 4, 4])
  }

  /// Any body of a form gives a picture or an error.
  @Test func anyFormIsSurvived() {
    var random = SystemRandomNumberGenerator()
    let good = Array("--b\r\nname=\"image\"\r\n\r\nabc\r\n--b--\r\n".utf8)
    for _ in 0..<3000 {
      var form = good
      for _ in 0..<3 {
        form[Int.random(in: 0..<form.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try? PictureUpload(form, contentType: "multipart/form-data; boundary=b")
    }
    for type in ["multipart/form-data", "multipart/form-data; boundary=", "application/json", "x"] {
      _ = try? PictureUpload(good, contentType: type)
    }
  }
}
