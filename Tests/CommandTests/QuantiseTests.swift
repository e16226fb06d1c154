import Foundation
import TestSupport
import Testing

/// `vrbridge models quantise` up to the Python that does it; docs/explanation/inference.md says what came of it with one.
@Suite(.enabled(if: Models.areHere, "needs the models that 'make test' fetches"))
struct QuantiseTests {
  private func quantise(_ name: String, _ folder: String, python: String = "python3") async throws
    -> (code: Int32?, output: String, errors: String)
  {
    try await Program.run(
      "vrbridge", ["models", "quantise", name, "--data", folder, "--python", python],
      environment: [
        "VRBRIDGE_MODELS": Models.folder, "VRBRIDGE_OPENVINO": Models.runtime, "VRBRIDGE_STATE": Models.state,
        "XDG_CONFIG_HOME": try TestPaths.temporaryFolder(), "TERM": "dumb",
      ])
  }

  @Test func whatCannotBeFittedIsToldAndChangesNothing() async throws {
    let before = try FileManager.default.contentsOfDirectory(atPath: Models.folder + "/palm-detection")
      .sorted()
    let pictures = TestPaths.root + "/docs/images"
    let empty = try TestPaths.temporaryFolder()
    for (name, folder, python, message) in [
      ("palm-detection", pictures, "/bin/false", "could not quantise palm-detection"),
      // Nobody's hand is in these.
      ("hand-landmarks", pictures, "python3", "received 0 inputs"),
      ("sentence-embedding", pictures, "python3", "takes no images"),
      ("palm-detection", empty, "python3", "no JPEG or PNG"),
      ("nothing", pictures, "python3", "no model 'nothing'"),
    ] {
      let result = try await quantise(name, folder, python: python)
      #expect(result.code == 2 && result.errors.contains(message), "\(name): \(result.errors)")
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: Models.folder + "/palm-detection").sorted()
        == before)
  }

  /// The Python gets the file, and inputs as the bridge would give them.
  @Test func thePythonGetsTheModelAndItsInputs() async throws {
    let folder = try TestPaths.temporaryFolder()
    let python = folder + "/python"
    let script = """
      #!/bin/sh
      cp -r "$3" "\(folder)/seen"
      echo "three lines at most" >&2
      exit 1
      """
    try script.write(toFile: python, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: python)
    let result = try await quantise("palm-detection", TestPaths.root + "/docs/images", python: python)
    #expect(result.code == 2 && result.errors.contains("three lines at most"), "\(result.errors)")
    struct Input: Decodable {
      var file: String
      var type: String
      var shape: [Int]
    }
    let list = try JSONDecoder().decode(
      [[Input]].self, from: Data(contentsOf: URL(fileURLWithPath: folder + "/seen/samples.json")))
    #expect(
      list.count >= 4 && list.allSatisfy { $0.map(\.shape) == [[1, 192, 192, 3]] && $0[0].type == "FP32" })
    for input in list.joined() {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/seen/" + input.file))
      let numbers = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      #expect(numbers.count == 192 * 192 * 3 && numbers.allSatisfy { (0...1).contains($0) })
    }
    #expect(FileManager.default.fileExists(atPath: folder + "/seen/palm_detection_full.tflite"))
  }
}
