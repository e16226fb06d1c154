import Foundation
import Glibc
import Inference
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import ModelService

/// A server of somebody else as a process of its own.
private final class Peer {
  private let process = Process()
  let port: Int

  init(_ script: String, port: Int) throws {
    self.port = port
    process.executableURL = URL(fileURLWithPath: serversPython)
    process.arguments = ["\(Places.root)/Tests/Python/\(script)", try Places.temporaryFolder(), String(port)]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  func waitUntilReady() async throws {
    for _ in 0..<300 {
      if let reply = try? await ask(port, .GET, "/v2/models/double/ready"), reply.status == 200 { return }
      try await Task.sleep(for: .milliseconds(200))
    }
    Issue.record("the server did not start")
  }

  /// As a machine that loses its power.
  func kill() {
    // With the processes that it started: the script makes a group of its own.
    Glibc.kill(-process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  deinit { if process.isRunning { kill() } }

  static func freePort() -> Int { Int.random(in: 20_000...29_000) }
}

/// The Python with the servers that `make test` installs.
let serversPython = Places.root + "/.build/servers/bin/python"

@Suite(
  .enabled(
    if: Models.areHere && FileManager.default.fileExists(atPath: serversPython),
    "needs the servers that 'make test' installs"))
struct PeerTests {
  @Test func tritonclientWorksUnmodified() async throws {
    try await withServer(try TinyModel.registry().registry) { port in
      let result = try await run([Places.root + "/Tests/Python/tritonclient_check.py", "127.0.0.1:\(port)"])
      #expect(result.status == 0 && result.output.contains("agrees"), "\(result.output)")
    }
  }

  /// A stranger that makes requests of all kinds from the OpenAPI document: no answer but those that it lists.
  @Test func aGeneratorOfRequestsFindsNoFault() async throws {
    try await withServer(try TinyModel.registry().registry) { port in
      let result = try await run([
        Places.root + "/.build/servers/bin/schemathesis", "run", "http://127.0.0.1:\(port)/openapi.json",
        "--max-examples", "25", "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance", "--no-color", "--seed", "7",
        "--phases", "examples,coverage,fuzzing", "--max-time", "20",
      ])
      #expect(result.status == 0, "\(result.output.suffix(3000))")
    }
  }

  @Test(arguments: [("triton.py", false), ("mlserver.py", true)])
  func aModelOnAServerFallsBackWhenItDiesAndReturns(_ script: String, _ isText: Bool) async throws {
    let port = Peer.freePort()
    var peer: Peer? = try Peer(script, port: port)
    try await peer?.waitUntilReady()
    let (registry, _) = try TinyModel.registry()
    let told = Mutex<[String]>([])
    var setting = ModelHost.Setting()
    var remote = RemoteModel(address: "http://127.0.0.1:\(port)")
    remote.isText = isText
    remote.timeout = 3
    setting.remote = remote
    let local = OpenVINOEngine(folder: Models.runtime)
    let host = ModelHost(
      registry: registry, local: local,
      remote: RemoteEngine(local: local) { text in told.withLock { $0.append(text) } },
      settings: ["double": setting])
    let model = try await host.model("double")
    #expect(model.place == remote.address)
    func infer() async throws -> [Double] {
      try await host.infer(model, [Tensor(float32: [1, 3], [1, 2, 3])], priority: .service)[0].numbers
    }
    for _ in 0..<5 { #expect(try await infer() == [2, 4, 6]) }
    #expect(told.withLock { $0 }.isEmpty)
    // The model's own refusal is no failure of the server.
    do {
      _ = try await host.infer(model, [Tensor(float32: [1, 4], [1, 2, 3, 4])], priority: .service)
      Issue.record("a wrong shape was taken")
    } catch { #expect(error.kind == .input) }
    peer?.kill()
    for _ in 0..<5 { #expect(try await infer() == [2, 4, 6]) }
    #expect(told.withLock { $0 }.contains { $0.contains("runs here meanwhile") }, "\(told.withLock { $0 })")
    // Left alone, the dead server costs no time.
    let start = ContinuousClock.now
    #expect(try await infer() == [2, 4, 6])
    #expect(ContinuousClock.now - start < .milliseconds(500))
    peer = try Peer(script, port: port)
    try await peer?.waitUntilReady()
    let end = ContinuousClock.now + .seconds(40)
    while ContinuousClock.now < end, !told.withLock({ $0.contains { $0.contains("again") } }) {
      #expect(try await infer() == [2, 4, 6])
      try await Task.sleep(for: .milliseconds(200))
    }
    #expect(
      told.withLock { $0 }.contains { $0.contains("answers 'double' again") }, "\(told.withLock { $0 })")
  }

  /// Servers that say nothing, say nonsense, or never end: an error in bounded time, and memory is not filled.
  @Test(arguments: ["silent", "nonsense", "endless", "slow", "refuses"])
  func aBadServerIsAnError(_ manner: String) async throws {
    let port = Peer.freePort()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: serversPython)
    process.arguments = ["-c", Self.badServer, String(port), manner]
    process.standardError = FileHandle.nullDevice
    try process.run()
    defer {
      Glibc.kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    try await Task.sleep(for: .milliseconds(700))
    var remote = RemoteModel(address: "http://127.0.0.1:\(port)")
    remote.timeout = 0.5
    remote.fallsBack = false
    remote.retries = 1
    var package = ModelPackage(
      manifest: ModelManifest(name: "double", version: "1", task: .tensors), files: [])
    package.remote = remote
    let start = ContinuousClock.now
    do {
      let session = try await RemoteEngine(local: OpenVINOEngine()) { _ in }.open(package, SessionOptions())
      _ = try await session.infer([Tensor(float32: [1, 3], [1, 2, 3])])
      Issue.record("\(manner): an answer")
    } catch {
      #expect(error.kind == .unavailable, "\(error)")
    }
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  private static let badServer = """
    import socket, sys, threading, time
    manner = sys.argv[2]
    metadata = b'{"name":"double","versions":[],"platform":"","inputs":[{"name":"x","datatype":"FP32","shape":[-1,3]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1,3]}]}'
    def head(length, more=b""): return b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: " + str(length).encode() + b"\\r\\n" + more + b"\\r\\n"
    def serve(c):
        try:
            data = b""
            while True:
                while b"\\r\\n\\r\\n" not in data:
                    got = c.recv(65536)
                    if not got: return
                    data += got
                first = data.split(b"\\r\\n")[0]
                data = b""
                if first.startswith(b"GET"):
                    c.sendall(head(len(metadata)) + metadata)
                elif manner == "silent": time.sleep(30)
                elif manner == "nonsense": c.sendall(head(9) + b"{\\"a\\":[1}"); c.close(); return
                elif manner == "refuses": c.sendall(b"HTTP/1.1 503 no\\r\\nContent-Length: 2\\r\\n\\r\\n{}"); c.close(); return
                elif manner == "endless":
                    c.sendall(head(10**12))
                    while True: c.sendall(b"x" * 65536); time.sleep(0.001)
                else:
                    c.sendall(head(1000))
                    for _ in range(1000): c.sendall(b"x"); time.sleep(0.1)
        except OSError: pass
    s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
    """

  private func run(_ arguments: [String]) async throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: serversPython)
    process.arguments = arguments
    // schemathesis keeps what it found where it runs.
    process.currentDirectoryURL = URL(fileURLWithPath: try Places.temporaryFolder())
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    return await withCheckedContinuation { continuation in
      // Reading blocks: not on the threads that the server's tasks need.
      Thread.detachNewThread {
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        continuation.resume(returning: (process.terminationStatus, output))
      }
    }
  }
}
