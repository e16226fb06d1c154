import Foundation
import Inference
import Sandbox
import TestSupport
import Testing

/// Models in confined processes.
@Suite(.serialized, .enabled(if: Models.areHere, "needs the library that 'make test' fetches"))
struct SeparateEngineTests {
  private let counter = SandboxCounter()

  private func engine(
    runtime: String = Models.runtime, _ change: (inout SeparateEngine.Limits) -> Void = { _ in }
  ) -> SeparateEngine {
    var limits = SeparateEngine.Limits()
    change(&limits)
    return SeparateEngine(
      openVINO: runtime, onnxRuntime: Models.speechRuntime, limits: limits,
      program: Program.folder + "/vrbridge", counter: counter)
  }

  private func package(_ name: String, _ bytes: [UInt8]) -> ModelPackage {
    ModelPackage(
      manifest: ModelManifest(name: "double", version: "1", task: .tensors),
      files: [ModelPackage.File(name: name, bytes: bytes)])
  }

  private var double: ModelPackage { package("double.xml", Array(TinyModel.double.utf8)) }

  /// The confined processes of models that this process started.
  private static func children() throws -> [pid_t] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }.filter { id in
      guard let stat = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8),
        let words = stat.split(separator: ")").last?.split(separator: " "), words.count > 1,
        pid_t(words[1]) == getpid(),
        let line = try? String(contentsOfFile: "/proc/\(id)/cmdline", encoding: .utf8)
      else { return false }
      return line.contains("sandbox-worker\0model\0")
    }
  }

  @Test(arguments: ["double.xml", "double.onnx"])
  func resultsEqualThoseOfThisProcess(_ name: String) async throws {
    let bytes = name.hasSuffix("xml") ? Array(TinyModel.double.utf8) : TinyModel.doubleONNX
    let separate = try await engine().open(package(name, bytes), SessionOptions())
    let same = try await LocalEngine(openVINO: Models.runtime, onnxRuntime: nil)
      .open(package(name, bytes), SessionOptions())
    #expect(separate.inputs == same.inputs && separate.outputs == same.outputs)
    #expect(separate.engine == same.engine && !separate.isLost)
    for rows in [1, 2, 500] {
      let tensor = Tensor(float32: [rows, 3], (0..<(rows * 3)).map { Float($0) })
      #expect(try await separate.infer([tensor]) == same.infer([tensor]))
    }
    #expect(counter.value.starts == 1 && counter.value.confinement?.filtersCalls == true)
    do {
      _ = try await separate.infer([Tensor(float32: [1, 4], [1, 2, 3, 4])])
      Issue.record("a tensor of another shape was taken")
    } catch { #expect(error.kind == .input) }
  }

  /// libdispatch ends a confined process in which it has threads, at a moment within the first second.
  @Test(
    arguments: [SessionOptions.Library.openVINO, .onnxRuntime].filter { $0 == .openVINO || Models.hear })
  func theProcessHasNoThreadsOfDispatch(_ library: SessionOptions.Library) async throws {
    var options = SessionOptions()
    options.library = library
    let session = try await engine().open(package("double.onnx", TinyModel.doubleONNX), options)
    _ = try await session.infer([Tensor(float32: [1, 3], [1, 2, 3])])
    let processes = try Self.children()
    try #require(!processes.isEmpty)
    for process in processes {
      let tasks = "/proc/\(process)/task"
      let names = try FileManager.default.contentsOfDirectory(atPath: tasks).map {
        try String(contentsOfFile: "\(tasks)/\($0)/comm", encoding: .utf8)
      }
      #expect(!names.isEmpty && !names.contains { $0.contains("qos") || $0.contains("dispatch") }, "\(names)")
    }
    withExtendedLifetime(session) {}
  }

  @Test(.enabled(if: Models.hear, "needs sherpa-onnx"))
  func onnxRuntimeRunsToo() async throws {
    var options = SessionOptions()
    options.library = .onnxRuntime
    let session = try await engine().open(package("double.onnx", TinyModel.doubleONNX), options)
    #expect(session.engine.name == "onnxruntime")
    #expect(try await session.infer([Tensor(float32: [1, 3], [1, 2, 3])])[0].numbers == [2, 4, 6])
  }

  @Test func whatIsNoModelIsTheSameError() async throws {
    for name in ["broken.onnx", "broken.xml"] {
      do {
        _ = try await engine().open(package(name, Array("no model".utf8)), SessionOptions())
        Issue.record("\(name) was opened")
      } catch { #expect(error.kind == .model) }
    }
    do {
      _ = try await engine(runtime: "/nonexistent").open(double, SessionOptions())
    } catch { #expect(error.kind == .unavailable) }
  }

  /// The end of the process is an error of the request; the host opens the model again for the next one.
  @Test func aLostModelIsOpenedAgain() async throws {
    let (registry, _) = try TinyModel.registry()
    let host = ModelHost(registry: registry, local: engine())
    let tensor = Tensor(float32: [1, 3], [1, 2, 3])
    for round in 0..<2 {
      let model = try await host.model("double")
      #expect(try await host.infer(model, [tensor], priority: .request)[0].numbers == [2, 4, 6])
      let children = try Self.children()
      #expect(children.count == 1, "round \(round): \(children)")
      for child in children { kill(child, SIGKILL) }
      await eventually { counter.value.deaths == UInt64(round + 1) }
      do {
        _ = try await host.infer(model, [tensor], priority: .request)
        Issue.record("a session without its process gave a result")
      } catch { #expect(error.kind == .failed || error.kind == .unavailable) }
      #expect(model.session.isLost)
    }
    let model = try await host.model("double")
    #expect(try await host.infer(model, [tensor], priority: .request)[0].numbers == [2, 4, 6])
    #expect(counter.value.starts == 3)
  }

  @Test func theProcessEndsWithItsSession() async throws {
    var session: (any ModelSession)? = try await engine().open(double, SessionOptions())
    #expect(try Self.children().count == 1 && session?.isLost == false)
    session = nil
    #expect(await eventually { (try? Self.children().isEmpty) == true })
  }

  /// A library that ends its process ends that of the model, and is not loaded over and over.
  @Test func aCrashOfTheLibraryIsAnError() async throws {
    let folder = try TestPaths.temporaryFolder()
    let source = folder + "/abort.c"
    try Data("#include <stdlib.h>\n__attribute__((constructor)) static void fall(void) { abort(); }\n".utf8)
      .write(to: URL(fileURLWithPath: source))
    let compiled = try await Program.run(
      "/usr/bin/cc", ["-shared", "-fPIC", source, "-o", folder + "/libopenvino_c.so"])
    try #require(compiled.code == 0, "\(compiled.errors)")
    let engine = engine(runtime: folder)
    var texts: [String] = []
    for _ in 0..<3 {
      do { _ = try await engine.open(double, SessionOptions()) } catch { texts.append(error.description) }
    }
    #expect(texts.count == 3 && texts[0].contains("crashed (signal 6)"), "\(texts)")
    #expect(texts[2].contains("opened again later") && counter.value.starts == 2, "\(texts)")
  }

  @Test func aModelThatIsTooLargeForItsLimitIsAnError() async throws {
    let engine = engine {
      $0.memory = (1 << 20, 0)
      // Its libraries may wait for memory that does not come.
      $0.opening = .seconds(5)
    }
    do {
      _ = try await engine.open(double, SessionOptions())
      Issue.record("a library was loaded in 1 MiB")
    } catch {
      #expect(error.kind == .failed || error.kind == .model || error.kind == .unavailable, "\(error)")
    }
  }
}
