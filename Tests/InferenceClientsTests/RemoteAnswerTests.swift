import Foundation
import Glibc
import Inference
import Synchronization
import TestSupport
import Testing

@testable import InferenceClients

/// All that a server returns is compared with its metadata.
struct RemoteAnswerTests {
  /// Two inputs and outputs; the model in this process lists them in the other order.
  private struct LocalSession: ModelSession {
    var engine: EngineIdentity { EngineIdentity(name: "local", version: "1") }
    var inputs: [TensorSpec] {
      [
        TensorSpec(name: "a", type: .float32, shape: [-1, 2]),
        TensorSpec(name: "b", type: .float32, shape: [-1, 2]),
      ]
    }
    var outputs: [TensorSpec] {
      [
        TensorSpec(name: "sum", type: .float32, shape: [-1, 2]),
        TensorSpec(name: "difference", type: .float32, shape: [-1, 2]),
      ]
    }
    func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
      let (a, b) = (tensors[0].numbers, tensors[1].numbers)
      let shape = tensors[0].shape
      return [
        Tensor(float32: shape, zip(a, b).map { Float($0 + $1) }),
        Tensor(float32: shape, zip(a, b).map { Float($0 - $1) }),
      ]
    }
  }

  private struct LocalEngine: InferenceEngine {
    func open(
      _ model: ModelPackage, _ options: SessionOptions
    ) async throws(InferenceError) -> any ModelSession { LocalSession() }
  }

  /// A server in a process of its own; its manner says what is wrong with it.
  private final class Server {
    let process = Process()
    let port = Int.random(in: 20_000...29_000)

    init(_ manner: String) async throws {
      process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
      process.arguments = ["-c", RemoteAnswerTests.script, String(port), manner]
      process.standardError = FileHandle.nullDevice
      try process.run()
      for _ in 0..<100 {
        let code = try await Program.run(
          "/usr/bin/curl", ["-s", "-m", "2", "-o", "/dev/null", "http://127.0.0.1:\(port)/v2"]
        ).code
        if code == 0 { return }
        try await Task.sleep(for: .milliseconds(50))
      }
      Issue.record("the server did not start")
    }

    func kill() {
      Glibc.kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }

    deinit { if process.isRunning { kill() } }
  }

  private func open(
    _ server: Server, fallsBack: Bool = false, _ change: (inout RemoteModel) -> Void = { _ in }
  ) async throws(InferenceError) -> any ModelSession {
    var remote = RemoteModel(address: "http://127.0.0.1:\(server.port)")
    remote.fallsBack = fallsBack
    remote.retries = 0
    remote.timeout = 2
    change(&remote)
    var package = ModelPackage(
      manifest: ModelManifest(name: "m", version: "1", task: .tensors),
      files: fallsBack ? [ModelPackage.File(name: "x.onnx", bytes: [1])] : [])
    package.remote = remote
    return try await RemoteEngine(local: LocalEngine()) { _ in }.open(package, SessionOptions())
  }

  private static let a = Tensor(float32: [2, 2], [5, 6, 7, 8])
  private static let b = Tensor(float32: [2, 2], [1, 2, 3, 4])

  /// The server lists inputs and outputs in another order than the model in this process, and answers in a third.
  @Test func tensorsAreMappedByName() async throws {
    let server = try await Server("good")
    let alone = try await open(server)
    #expect(alone.inputs.map(\.name) == ["b", "a"] && alone.outputs.map(\.name) == ["difference", "sum"])
    #expect(try await alone.infer([Self.b, Self.a]).map(\.numbers) == [[4, 4, 4, 4], [6, 8, 10, 12]])
    let session = try await open(server, fallsBack: true)
    #expect(
      session.inputs.map(\.name) == ["a", "b"] && session.outputs.map(\.name) == ["sum", "difference"])
    let right: [[Double]] = [[6, 8, 10, 12], [4, 4, 4, 4]]
    #expect(try await session.infer([Self.a, Self.b]).map(\.numbers) == right)
    let remote = try #require(session as? any RemoteModelSession)
    #expect(remote.servedVersion == "3")
    server.kill()
    for _ in 0..<5 { #expect(try await session.infer([Self.a, Self.b]).map(\.numbers) == right) }
    #expect(remote.servedVersion == nil)
  }

  @Test(
    arguments: [
      ("duplicate", "2 times"), ("missing", "0 times"), ("unknown", "does not list"),
      ("type", "of type INT32"),
      ("shape", "has the shape"), ("rank", "has the shape"), ("rows", "has 1 rows for 2"),
      ("model", "of the model 'other'"), ("fraction", "is no FP32"), ("ragged", "it has"),
      ("gzip", "compresses"), ("short", "takes 16 bytes"), ("trailing", "bytes follow"),
    ] as [(String, String)])
  func otherAnswersAreErrors(_ manner: String, _ part: String) async throws {
    let server = try await Server(manner)
    let session = try await open(server)
    do {
      let results = try await session.infer([Self.b, Self.a])
      Issue.record("\(manner): \(results)")
    } catch {
      #expect(error.kind == .unavailable && error.description.contains(part), "\(manner): \(error)")
    }
  }

  @Test(arguments: ["metadata-duplicate", "metadata-shape", "metadata-name"])
  func otherMetadataAreErrors(_ manner: String) async throws {
    let server = try await Server(manner)
    await #expect(throws: InferenceError.self) { try await open(server) }
  }

  /// Rows of any number, where the operator says so; no rows at all are an answer, too.
  @Test func modelsThatFindAnyNumberOfThings() async throws {
    for (manner, rows) in [("rows", 1), ("none", 0)] {
      let server = try await Server(manner)
      let session = try await open(server) { $0.keepsRows = false }
      #expect(try await session.infer([Self.b, Self.a]).map { $0.shape[0] } == [rows, rows])
    }
  }

  /// The server has version 3; "ignores" runs it at the address of any version.
  @Test(arguments: ["good", "ignores", "unlisted"])
  func aVersionThatIsNotThereIsAnError(_ manner: String) async throws {
    let server = try await Server(manner)
    for fallsBack in [false, true] {
      do {
        let session = try await open(server, fallsBack: fallsBack) { $0.version = "1" }
        _ = try await session.infer([Self.b, Self.a])
        Issue.record("\(manner): version 1 answered")
      } catch { #expect(error.kind == .notFound, "\(error)") }
      let session = try await open(server, fallsBack: fallsBack) { $0.version = "3" }
      _ = try await session.infer([Self.b, Self.a])
    }
  }

  @Test func tensorFlowServingRunsTheVersionOfItsLabel() async throws {
    let server = try await Server("good")
    let session = try await open(server, fallsBack: true) { $0.dialect = .tensorFlow }
    let remote = try #require(session as? any RemoteModelSession)
    #expect(remote.servedVersion == "3")
    #expect(try await session.infer([Self.a, Self.b]).map(\.numbers) == [[6, 8, 10, 12], [4, 4, 4, 4]])
    await #expect(throws: InferenceError.self) {
      try await open(server, fallsBack: true) {
        $0.dialect = .tensorFlow
        $0.version = "1"
      }
    }
  }

  private static let script = """
    import gzip, json, struct, sys
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    manner = sys.argv[2]
    port = lambda name, kind="FP32", shape=(-1, 2): {"name": name, "datatype": kind, "shape": list(shape)}
    metadata = {"name": "m", "versions": ["2", "3"], "inputs": [port("b"), port("a")], "outputs": [port("difference"), port("sum")]}
    if manner == "unlisted": metadata["versions"] = []
    if manner == "metadata-duplicate": metadata["outputs"].append(port("sum"))
    if manner == "metadata-shape": metadata["outputs"][0]["shape"] = [1.9, 2]
    if manner == "metadata-name": metadata["name"] = "other"
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def log_message(self, *_): pass
        def reply(self, status, body, headers=()):
            self.send_response(status)
            for name, value in headers: self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def has_version(self): return "/versions/1" not in self.path or manner in ("ignores", "unlisted")
        def do_GET(self):
            if not self.has_version(): return self.reply(404, b'{"error":"no such version"}')
            if self.path.startswith("/v1"):
                states = [{"version": "2", "state": "END"}, {"version": "3", "state": "AVAILABLE"}]
                return self.reply(200, json.dumps({"model_version_status": states}).encode())
            known = dict(metadata, versions=["1"]) if manner == "ignores" and "/versions/1" in self.path else metadata
            self.reply(200, json.dumps(known).encode())
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not self.has_version(): return self.reply(404, b'{"error":"no such version"}')
            if self.path.startswith("/v1"):
                assert "/versions/3:predict" in self.path, self.path
                given = json.loads(body)["inputs"]
                pairs = [[(x, y) for x, y in zip(r, s)] for r, s in zip(given["a"], given["b"])]
                outputs = {"sum": [[x + y for x, y in row] for row in pairs], "difference": [[x - y for x, y in row] for row in pairs]}
                return self.reply(200, json.dumps({"outputs": outputs}).encode())
            length = int(self.headers["Inference-Header-Content-Length"])
            request = json.loads(body[:length])
            at, given = length, {}
            for entry in request["inputs"]:
                size = entry["parameters"]["binary_data_size"]
                given[entry["name"]] = struct.unpack(f"<{size // 4}f", body[at:at + size])
                at += size
            total = [x + y for x, y in zip(given["a"], given["b"])]
            less = [x - y for x, y in zip(given["a"], given["b"])]
            outputs = [port("sum", shape=(2, 2)), port("difference", shape=(2, 2))]
            data = [total, less]
            def rows(count):
                for entry in outputs: entry["shape"] = [count, 2]
                data[:] = [total[:2 * count], less[:2 * count]]
            answer = {"model_name": "m", "model_version": "3", "outputs": outputs}
            if manner == "rows": rows(1)
            if manner == "none": rows(0)
            if manner == "duplicate": outputs.append(dict(outputs[0])); data.append(less)
            if manner == "missing": outputs.pop(); data.pop()
            if manner == "unknown": outputs.append(port("other", shape=(2, 2))); data.append(less)
            if manner == "type": outputs[0]["datatype"] = "INT32"
            if manner == "shape":
                for entry in outputs: entry["shape"] = [1, 4]
            if manner == "rank":
                for entry in outputs: entry["shape"] = [4]
            if manner == "model": answer["model_name"] = "other"
            if manner in ("fraction", "ragged"):
                for entry, values in zip(outputs, data): entry["data"] = [True, *values[1:]] if manner == "fraction" else [values[:1], values[1:]]
                return self.reply(200, json.dumps(answer).encode())
            tail = b""
            for entry, values in zip(outputs, data):
                part = struct.pack(f"<{len(values)}f", *values)
                if manner == "short": part = part[:-4]
                entry["parameters"] = {"binary_data_size": len(part)}
                tail += part
            if manner == "trailing": tail += b"1234"
            head = json.dumps(answer).encode()
            headers = [("Inference-Header-Content-Length", str(len(head)))]
            if manner == "gzip": return self.reply(200, gzip.compress(head + tail), headers + [("Content-Encoding", "gzip")])
            self.reply(200, head + tail, headers)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    """
}
