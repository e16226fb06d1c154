import CBaseline
import Foundation
import Glibc
import HTTPServer
import Imaging
import Inference
import Logging
import ModelService
import Perception
import ServiceLifecycle

/// Compares models with other programs that run the same ones: MediaPipe's Python, OpenVINO's benchmark_app, MLServer.
/// Each pair runs in alternating rounds.
///
///     python3 -m venv PEERS && PEERS/bin/pip install mediapipe==0.10.21 openvino==2026.4.1
///     vrbridge-eval performance inference IMAGE PEERS/bin/python .build/servers/bin/python
enum InferenceBench {
  static func host(library: SessionOptions.Library = .openVINO, isSeparate: Bool = false) -> ModelHost {
    let environment = ProcessInfo.processInfo.environment
    let folder = ModelRegistry.standardFolder(environment: environment)
    let state = environment["VRBRIDGE_STATE"] ?? (environment["HOME"] ?? "") + "/.local/state/vrbridge"
    let key = try? SigningKey.load(file: state + "/keys/models.key")
    func place(_ name: String, _ named: String?) -> String {
      named ?? URL(fileURLWithPath: folder).deletingLastPathComponent().appendingPathComponent(name).path
    }
    let runtime = place("openvino", environment["VRBRIDGE_OPENVINO"])
    var setting = ModelHost.Setting()
    setting.options.library = library
    let speech = place("sherpa-onnx", environment["VRBRIDGE_SHERPA_ONNX"])
    let engine: any InferenceEngine =
      isSeparate
      ? SeparateEngine(openVINO: runtime, onnxRuntime: speech)
      : LocalEngine(openVINO: runtime, onnxRuntime: speech)
    return ModelHost(
      registry: ModelRegistry(
        folder: folder, trusted: TrustedKeys(Set([key.map { SigningKey.publicText($0) }].compactMap { $0 }))),
      local: engine,
      standard: setting)
  }

  /// Processor seconds of this process.
  private static func processorTime() -> Double {
    // POSIX counts in microseconds.
    Double(clock()) * 1e-6
  }

  private static func output(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text
  }

  static func run(image path: String, python: String, servers: String?) async throws {
    let image = try Picture.decode(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
    try await hands(image, path, python)
    try await objects(image, python)
    try await service(servers)
  }

  // MARK: hands

  private static func hands(_ image: RGBImage, _ path: String, _ python: String) async throws {
    let host = host()
    var best: [String: Double] = [:]
    func keep(_ key: String, _ value: Double) { best[key] = min(best[key] ?? .infinity, value) }
    for _ in 0..<4 {
      for mode in ["detect", "track"] {
        let tracker = HandTracker(host: host, maximumHands: 1)
        for _ in 0..<5 { _ = try await tracker.track(image) }
        let begin = processorTime()
        for _ in 0..<40 {
          if mode == "detect" { await tracker.reset() }
          _ = try await tracker.track(image)
        }
        keep("ours \(mode)", (processorTime() - begin) * 1000 / 40)
      }
      let times = try mediaPipe(path, python, 40)
      for mode in ["detect", "track"] { keep("theirs \(mode)", times[mode]?["cpu_ms"] ?? .infinity) }
    }
    for mode in ["detect", "track"] {
      let (ours, theirs) = (best["ours \(mode)"] ?? 0, best["theirs \(mode)"] ?? 1)
      print(
        String(
          format: "hands, %@: %.1f ms of processor a frame, MediaPipe's Python %.1f: %.2f of it", mode, ours,
          theirs,
          ours / theirs))
    }
  }

  /// Times of MediaPipe's Python: `detect` and `track`, each with `cpu_ms` and `wall_ms` a frame.
  static func mediaPipe(_ image: String, _ python: String, _ count: Int) throws -> [String: [String: Double]]
  {
    let text = try output(python, ["Benchmarks/Peers/mediapipe_hands.py", image, "\(count)"])
    guard let json = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: [String: Double]]
    else {
      print("hands: MediaPipe did not answer: \(text.prefix(200))")
      return [:]
    }
    return json
  }

  // MARK: objects

  private static func objects(_ image: RGBImage, _ python: String) async throws {
    let host = host()
    guard let model = try? await host.model(ObjectDetector.defaultModel) else {
      print("objects: there is no object-detection; vrbridge models pull object-detection")
      return
    }
    let folder = ModelRegistry.standardFolder(environment: ProcessInfo.processInfo.environment)
    let file = "\(folder)/\(model.manifest.name)/\(model.manifest.version)/\(model.manifest.files[0].name)"
    let tool = URL(fileURLWithPath: python).deletingLastPathComponent().appendingPathComponent(
      "benchmark_app"
    ).path
    let other = Self.host(library: .onnxRuntime)
    let otherModel = try? await other.model(ObjectDetector.defaultModel)
    var (bare, whole, theirs, beside) = (Double.infinity, Double.infinity, Double.infinity, Double.infinity)
    let blank = Tensor(float32: model.session.inputs[0].shape.map { max($0, 1) }) { _ in }
    for _ in 0..<3 {
      func median(_ body: () async throws -> Void) async throws -> Double {
        var times: [Double] = []
        for _ in 0..<60 {
          let begin = ContinuousClock.now
          try await body()
          times.append((ContinuousClock.now - begin) / .milliseconds(1))
        }
        return times.sorted()[30]
      }
      bare = min(bare, try await median { _ = try await host.infer(model, [blank], priority: .standard) })
      whole = min(whole, try await median { _ = try await ObjectDetector().detect(image, model, host: host) })
      if let otherModel {
        beside = min(
          beside, try await median { _ = try await other.infer(otherModel, [blank], priority: .standard) })
      }
      let text = try output(
        tool,
        [
          "-m", file, "-d", "CPU", "-hint", "none", "-api", "sync", "-nstreams", "1", "-nthreads", "1", "-t",
          "4",
          "-infer_precision", "f32",
        ])
      for line in text.split(separator: "\n") where line.contains("Median:") {
        let number = line.split(separator: " ").compactMap { Double($0) }.last
        theirs = min(theirs, number ?? .infinity)
      }
    }
    print(
      String(
        format:
          "YOLOX-nano: %.1f ms through the engine, benchmark_app %.1f: %.2f of it; with the picture's preparing and the boxes %.1f (%.0f %% more)",
        bare, theirs, bare / theirs, whole, (whole / bare - 1) * 100))
    print(String(format: "YOLOX-nano with ONNX Runtime: %.1f ms: %.2f of OpenVINO", beside, beside / bare))
  }

  // MARK: service

  private static func service(_ servers: String?) async throws {
    let folder = NSTemporaryDirectory() + "/vrbridge-bench-\(getpid())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let key = try SigningKey.loadOrMake(file: folder + "/key")
    let registry = ModelRegistry(
      folder: folder + "/models", trusted: TrustedKeys([SigningKey.publicText(key)]))
    try registry.add(
      ModelPackage(
        manifest: ModelManifest(name: "double", version: "1", task: .tensors),
        files: [ModelPackage.File(name: "double.xml", bytes: Array(Self.double.utf8))]), signedWith: key)
    let environment = ProcessInfo.processInfo.environment
    let host = ModelHost(
      registry: registry, local: OpenVINOEngine(folder: environment["VRBRIDGE_OPENVINO"]), width: 4)
    var log = Logger(label: "bench")
    log.logLevel = .error
    let (ports, announce) = AsyncStream<Int>.makeStream()
    var options = HTTPServerOptions(address: .network(host: "127.0.0.1", port: 0))
    options.requestsPerSecond = 1e6
    let server = try HTTPService(
      options, handlers: [ModelEndpoints(host: host, pictures: .inThisProcess, product: "bench")], log: log,
      onRunning: { announce.yield($0 ?? 0) })
    let group = ServiceGroup(services: [server], logger: log)
    let running = Task { try await group.run() }
    var port = 0
    for await value in ports {
      port = value
      break
    }
    let model = try await host.model("double")
    let tensor = Tensor(float32: [1, 3], [1, 2, 3])
    var times: [Double] = []
    for _ in 0..<2000 {
      let begin = ContinuousClock.now
      _ = try await host.infer(model, [tensor], priority: .request)
      times.append((ContinuousClock.now - begin) / .milliseconds(1))
    }
    let bare = times.sorted()[1000]
    let ours = try await load(port, seconds: 4, clients: 1)
    let many = try await load(port, seconds: 4, clients: 16)
    print(
      String(
        format:
          "service: %.2f ms a request at p50, %.2f ms over the bare model (%.2f ms); 16 clients: %.0f requests a second",
        ours.median_ms, ours.median_ms - bare, bare, many.rate))
    if let servers {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: servers)
      process.arguments = ["Tests/Python/mlserver.py", folder + "/mlserver", "28765"]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      defer { kill(-process.processIdentifier, SIGKILL) }
      var theirs: baseline_http_result?
      for _ in 0..<60 {
        try await Task.sleep(for: .milliseconds(500))
        theirs = try? await load(28_765, seconds: 4, clients: 16)
        if theirs != nil { break }
      }
      if let theirs {
        let again = try await load(port, seconds: 4, clients: 16)
        print(
          String(
            format: "service: MLServer %.0f requests a second of the same model; ours is %.1f times that",
            theirs.rate, min(many.rate, again.rate) / theirs.rate))
      }
    }
    await group.triggerGracefulShutdown()
    try await running.value
  }

  private static func load(_ port: Int, seconds: Double, clients: Int) async throws -> baseline_http_result {
    let json =
      "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2,3]}]}"
    let request =
      "POST /v2/models/double/infer HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Type: application/json\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)"
    return try await withCheckedThrowingContinuation { continuation in
      // Blocks, so it must not use the threads of the server.
      Thread.detachNewThread {
        var result = baseline_http_result()
        let status = baseline_http_load(
          UInt16(port), request, request.utf8.count, Int32(clients), seconds, &result)
        if status == 0 {
          continuation.resume(returning: result)
        } else {
          continuation.resume(throwing: LoadError(description: String(cString: strerror(-status))))
        }
      }
    }
  }

  struct LoadError: Error, CustomStringConvertible {
    var description: String
  }

  /// y = x + x.
  private static let double = """
    <?xml version="1.0"?><net name="double" version="11"><layers>
    <layer id="0" name="x" type="Parameter" version="opset1"><data shape="?,3" element_type="f32"/>
    <output><port id="0" precision="FP32" names="x"><dim>-1</dim><dim>3</dim></port></output></layer>
    <layer id="1" name="sum" type="Add" version="opset1"><data auto_broadcast="numpy"/>
    <input><port id="0" precision="FP32"><dim>-1</dim><dim>3</dim></port><port id="1" precision="FP32"><dim>-1</dim><dim>3</dim></port></input>
    <output><port id="2" precision="FP32" names="y"><dim>-1</dim><dim>3</dim></port></output></layer>
    <layer id="2" name="r" type="Result" version="opset1"><input><port id="0" precision="FP32"><dim>-1</dim><dim>3</dim></port></input></layer>
    </layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/><edge from-layer="0" from-port="0" to-layer="1" to-port="1"/>
    <edge from-layer="1" from-port="2" to-layer="2" to-port="0"/></edges></net>
    """
}
