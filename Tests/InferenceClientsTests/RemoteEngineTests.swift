import Foundation
import Glibc
import Inference
import Synchronization
import TestSupport
import Testing

@testable import InferenceClients

/// Another project's server, in a process of its own.
private final class Peer {
  private let process = Process()
  let port: Int

  init(_ script: String, port: Int) throws {
    self.port = port
    process.executableURL = URL(fileURLWithPath: TestPaths.serversPython)
    process.arguments = [
      "\(TestPaths.root)/Tests/Python/\(script)", try TestPaths.temporaryFolder(), String(port),
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  func waitUntilReady() async throws {
    for _ in 0..<300 {
      let address = "http://127.0.0.1:\(port)/v2/models/double/ready"
      let code = try await Program.run("/usr/bin/curl", ["-s", "-m", "5", "-f", "-o", "/dev/null", address])
        .code
      if code == 0 { return }
      try await Task.sleep(for: .milliseconds(200))
    }
    Issue.record("the server did not start")
  }

  /// Ends the server at once, with the processes that it started: the script leads a process group.
  func kill() {
    Glibc.kill(-process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  deinit { if process.isRunning { kill() } }

  static func freePort() -> Int { Int.random(in: 20_000...29_000) }
}

@Suite(
  .enabled(
    if: Models.areHere && FileManager.default.fileExists(atPath: TestPaths.serversPython),
    "needs the servers that 'make test' installs"))
struct RemoteEngineTests {
  @Test(arguments: [("triton.py", false), ("mlserver.py", true)])
  func aModelOnAServerFallsBackWhenItDiesAndReturns(_ script: String, _ isText: Bool) async throws {
    let port = Peer.freePort()
    var peer: Peer? = try Peer(script, port: port)
    try await peer?.waitUntilReady()
    let (registry, _) = try TinyModel.registry()
    let reports = Mutex<[String]>([])
    var setting = ModelHost.Setting()
    var remote = RemoteModel(address: "http://127.0.0.1:\(port)")
    remote.isText = isText
    remote.timeout = 3
    setting.remote = remote
    let local = OpenVINOEngine(folder: Models.runtime)
    let host = ModelHost(
      registry: registry, local: local,
      remote: RemoteEngine(local: local) { text in reports.withLock { $0.append(text) } },
      settings: ["double": setting])
    let model = try await host.model("double")
    #expect(model.location == remote.address)
    func infer() async throws -> [Double] {
      try await host.infer(model, [Tensor(float32: [1, 3], [1, 2, 3])], priority: .request)[0].numbers
    }
    for _ in 0..<5 { #expect(try await infer() == [2, 4, 6]) }
    #expect(reports.withLock { $0 }.isEmpty)
    // A request that the model rejects does not count as a failure of the server.
    do {
      _ = try await host.infer(model, [Tensor(float32: [1, 4], [1, 2, 3, 4])], priority: .request)
      Issue.record("a wrong shape was taken")
    } catch { #expect(error.kind == .input) }
    peer?.kill()
    for _ in 0..<5 { #expect(try await infer() == [2, 4, 6]) }
    #expect(
      reports.withLock { $0 }.contains { $0.contains("runs in this process meanwhile") },
      "\(reports.withLock { $0 })")
    // While the circuit breaker is open, the dead server costs no time.
    let start = ContinuousClock.now
    #expect(try await infer() == [2, 4, 6])
    #expect(ContinuousClock.now - start < .milliseconds(500))
    peer = try Peer(script, port: port)
    try await peer?.waitUntilReady()
    let end = ContinuousClock.now + .seconds(40)
    while ContinuousClock.now < end, !reports.withLock({ $0.contains { $0.contains("again") } }) {
      #expect(try await infer() == [2, 4, 6])
      try await Task.sleep(for: .milliseconds(200))
    }
    #expect(
      reports.withLock { $0 }.contains { $0.contains("answers 'double' again") }, "\(reports.withLock { $0 })"
    )
  }

  /// Servers that do not answer, answer nonsense, or never end: an error in bounded time and memory.
  @Test(arguments: ["silent", "nonsense", "endless", "slow", "refuses"])
  func aBadServerIsAnError(_ manner: String) async throws {
    let port = Peer.freePort()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: TestPaths.serversPython)
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
}
