import Foundation
import TestSupport
import Testing

/// `vrbridge models add`: what is added was opened before, in a process that may fall.
@Suite(.enabled(if: Models.areHere, "needs the library that 'make test' fetches"))
struct ModelAddTests {
  private let folder: String

  init() throws { folder = try TestPaths.temporaryFolder() }

  private func add(
    _ name: String, _ file: String, runtime: String = Models.runtime, task: String = "tensors",
    options: [String] = []
  ) async throws -> (code: Int32?, output: String, errors: String) {
    try await Program.run(
      "vrbridge", ["models", "add", name, file, "--model-version", "1", "--task", task] + options,
      environment: [
        "VRBRIDGE_MODELS": folder + "/models", "VRBRIDGE_OPENVINO": runtime, "VRBRIDGE_STATE": folder,
        "VRBRIDGE_SHERPA_ONNX": "/nonexistent", "XDG_CONFIG_HOME": folder, "TERM": "dumb",
      ], within: 60)
  }

  private func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + name))
    return folder + "/" + name
  }

  private func isAdded(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/models/\(name)/1/manifest.yaml")
  }

  @Test func whatRunsIsAddedWithWhatItTakesAndGives() async throws {
    let result = try await add("double", try file("double.xml", TinyModel.double.utf8))
    #expect(result.code == 0 && result.output.contains("inputs: x FP32 [?, 3]"), "\(result)")
    #expect(result.output.contains("outputs: y FP32 [?, 3]"))
    let manifest = try String(contentsOfFile: folder + "/models/double/1/manifest.yaml", encoding: .utf8)
    #expect(manifest.contains("inputs:") && manifest.contains("[-1, 3]"), "\(manifest)")
    let onnx = try await add("twice", try file("twice.onnx", TinyModel.doubleONNX))
    #expect(onnx.code == 0 && isAdded("twice"), "\(onnx)")
  }

  /// Rows that run together only where the model is a batch.
  @Test func aBatchIsTested() async throws {
    let rows = try await add(
      "rows", try file("double.xml", TinyModel.double.utf8), options: ["--batch"])
    #expect(rows.code == 0, "\(rows)")
    let manifest = try String(contentsOfFile: folder + "/models/rows/1/manifest.yaml", encoding: .utf8)
    #expect(manifest.contains("batch: true"), "\(manifest)")
    let picture = try await add("color", try file("color.xml", TinyModel.color.utf8), options: ["--batch"])
    #expect(picture.code == 2 && picture.errors.contains("no open first dimension"), "\(picture)")
    #expect(!isAdded("color"))
  }

  @Test func numbersOf64BitsAreReported() async throws {
    let text = TinyModel.double.replacingOccurrences(of: "f32", with: "i64")
      .replacingOccurrences(of: "FP32", with: "I64")
    let result = try await add("whole", try file("whole.xml", text.utf8))
    #expect(result.code == 0 && isAdded("whole"), "\(result)")
    #expect(result.errors.contains("OpenVINO computes in 32 bits: 'x' (INT64), 'y' (INT64)"), "\(result)")
    let plain = try await add("double", try file("double.xml", TinyModel.double.utf8))
    #expect(plain.code == 0 && !plain.errors.contains("32 bits"), "\(plain)")
  }

  @Test func whatIsNoModelIsNotAdded() async throws {
    for (name, bytes) in [
      ("a.onnx", Array("this is no model".utf8)),
      ("b.tflite", (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 31) }),
      ("c.xml", Array(TinyModel.double.utf8.dropLast(200))), ("d.onnx", []),
    ] {
      let result = try await add("broken", try file(name, bytes))
      #expect(result.code == 2 && result.errors.contains("is not added"), "\(name): \(result)")
      #expect(!isAdded("broken"))
    }
  }

  /// A library that falls over the model takes the process that tried it along, and nothing else.
  @Test(.enabled(if: geteuid() == 0, "needs root, whose libraries are opened"))
  func aCrashIsToldAndNothingIsAdded() async throws {
    let library = folder + "/runtime"
    try FileManager.default.createDirectory(atPath: library, withIntermediateDirectories: true)
    let source = try file(
      "abort.c",
      "#include <stdlib.h>\n__attribute__((constructor)) static void fall(void) { abort(); }\n".utf8)
    let compiled = try await Program.run(
      "/usr/bin/cc", ["-shared", "-fPIC", source, "-o", library + "/libopenvino_c.so"])
    try #require(compiled.code == 0, "\(compiled.errors)")
    let result = try await add("double", try file("double.xml", TinyModel.double.utf8), runtime: library)
    #expect(result.code == 2 && result.errors.contains("crashed (signal 6)"), "\(result)")
    #expect(!isAdded("double"))
  }

  /// The library of another user is not opened, and the message says why.
  @Test(.enabled(if: geteuid() != 0, "needs a user other than root"))
  func aLibraryOfUnknownOriginIsTold() async throws {
    let library = folder + "/runtime"
    try FileManager.default.createDirectory(atPath: library, withIntermediateDirectories: true)
    _ = try file("runtime/libopenvino_c.so", [0x7f, 0x45, 0x4c, 0x46])
    let result = try await add("double", try file("double.xml", TinyModel.double.utf8), runtime: library)
    #expect(
      result.errors.contains("was not tried") && result.errors.contains("its origin is not known"),
      "\(result)")
  }

  /// A model that opens, and whose input the task cannot fill.
  @Test func whatDoesNotFitItsTaskIsNotAdded() async throws {
    let model = try file("double.xml", TinyModel.double.utf8)
    for options in [
      ["--task", "image-classification", "--layout", "NCHW"],
      ["--task", "object-detection", "--layout", "NHWC", "--decoder", "yolox"],
    ] {
      let result = try await add("misfit", model, task: options[1], options: Array(options.dropFirst(2)))
      #expect(result.code == 2 && result.errors.contains("is no RGB image of the form"), "\(result)")
      #expect(result.errors.contains("x FP32 [?, 3]") && !isAdded("misfit"), "\(result)")
    }
  }

  @Test func whatNothingHereRunsIsAddedUntried() async throws {
    let result = try await add(
      "heard", try file("heard.onnx", [1, 2, 3]), task: "voice-activity")
    #expect(result.code == 0 && result.errors.contains("was not tried") && isAdded("heard"), "\(result)")
  }
}
