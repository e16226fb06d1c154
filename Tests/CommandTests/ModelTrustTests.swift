import Foundation
import TestSupport
import Testing

/// Trust in models on the command line: two machines with a state folder each, over one registry.
struct ModelTrustTests {
  private let folder: String

  init() throws { folder = try TestPaths.temporaryFolder() }

  private func models(
    _ arguments: String..., on state: String = "a", trusting key: String = "", registry: String? = nil
  ) async throws -> (code: Int32?, output: String, errors: String) {
    let configuration = "\(folder)/\(state).yaml"
    try "models: { trusted_keys: [\(key.isEmpty ? "" : "\"\(key)\"")] }\n"
      .write(toFile: configuration, atomically: true, encoding: .utf8)
    return try await Program.run(
      "vrbridge", ["models"] + arguments + ["--config", configuration],
      environment: [
        "VRBRIDGE_MODELS": registry ?? folder + "/models", "VRBRIDGE_STATE": "\(folder)/\(state)",
        "VRBRIDGE_SHERPA_ONNX": "/nonexistent", "VRBRIDGE_OPENVINO": "/nonexistent",
        "XDG_CONFIG_HOME": folder, "TERM": "dumb",
      ], within: 60)
  }

  /// Adds a model that no library of this test opens.
  private func add(_ version: String = "1") async throws {
    let file = folder + "/heard.onnx"
    try Data(version.utf8).write(to: URL(fileURLWithPath: file))
    let result = try await models(
      "add", "heard", file, "--model-version", version, "--task", "voice-activity")
    #expect(result.code == 0, "\(result)")
  }

  private func key(on state: String = "a") async throws -> String {
    try await models("key", on: state).output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  @Test func aRefusalNamesTheCommandThatHelps() async throws {
    try await add()
    let refused = try await models("verify", on: "b")
    #expect(
      refused.code == 1 && refused.output.contains("vrbridge models sign heard --model-version 1"),
      "\(refused)")
    #expect(try await models("sign", "heard", on: "b").code == 0)
    #expect(try await models("verify", on: "b").code == 0)
  }

  /// The configuration of a bridge is that of all commands, which have no use for its outputs.
  @Test func theConfigurationOfABridgeIsRead() async throws {
    func list(_ text: String) async throws -> (code: Int32?, output: String, errors: String) {
      let file = folder + "/bridge.yaml"
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      return try await Program.run(
        "vrbridge", ["models", "list", "--config", file],
        environment: ["VRBRIDGE_MODELS": folder + "/models", "VRBRIDGE_STATE": folder, "TERM": "dumb"],
        within: 60)
    }
    let outputs = """
      http: { address: "127.0.0.1:8000" }
      foxglove: { address: "127.0.0.1:8765" }
      interop: { vrpn: { address: "127.0.0.1:3883" } }

      """
    let listed = try await list(outputs)
    #expect(listed.code == 0, "\(listed)")
    #expect(try await list(outputs + "htttp: 1\n").errors.contains("unknown key 'htttp'"))
  }

  /// The models that `make test` fetched, without the state folder of the machine that pulled them.
  @Test(.enabled(if: Models.areHere, "needs the models that 'make test' fetches"))
  func modelsOfTheCatalogueNeedNoStateFolder() async throws {
    for name in ["palm-detection", "hand-landmarks"] {
      try FileManager.default.createDirectory(atPath: folder + "/copy", withIntermediateDirectories: true)
      // Not with `FileManager`, which keeps the owner: only root may.
      let copied = try await Program.run(
        "/bin/cp", ["-r", Models.folder + "/" + name, folder + "/copy/" + name])
      try #require(copied.code == 0, "\(copied.errors)")
    }
    let verified = try await models("verify", on: "lost", registry: folder + "/copy")
    #expect(verified.code == 0 && verified.output.contains("hand-landmarks"), "\(verified)")
  }

  @Test func keysAreRotatedAndTheOldOneIsRevokedElsewhereToo() async throws {
    try await add()
    try await add("2")
    #expect(try await models("pin", "heard", "1").code == 0)
    let old = try await key()
    #expect(try await models("verify", on: "b", trusting: old).code == 0)
    let rotated = try await models("key", "--rotate")
    let new = try await key()
    #expect(rotated.code == 0 && rotated.output.hasPrefix(new) && old != new, "\(rotated)")
    #expect(rotated.output.contains("heard 2: signed with the new key") && rotated.output.contains(old))
    #expect(try await models("verify").code == 0)
    #expect(try await models("list").output.contains("pinned"))
    // On the other machine.
    let list = try await models("revoke", "--list")
    try list.output.write(toFile: folder + "/revoked.list", atomically: true, encoding: .utf8)
    let untrusted = try await models("revoke", "--import", folder + "/revoked.list", on: "b")
    #expect(untrusted.code == 2 && untrusted.errors.contains("[model-untrusted]"), "\(untrusted)")
    let imported = try await models("revoke", "--import", folder + "/revoked.list", on: "b", trusting: new)
    #expect(imported.code == 0 && imported.output.hasPrefix("1 entries"), "\(imported)")
    #expect(try await models("verify", on: "b", trusting: new).code == 0)
    let revoked = try await models("revoke", "--import", folder + "/revoked.list", on: "b", trusting: old)
    #expect(revoked.code == 2 && revoked.errors.contains("[model-untrusted]"), "\(revoked)")
  }

  @Test func revokedVersionsAndUnsignedSelectionsAreRefused() async throws {
    try await add()
    let revoked = try await models("revoke", "heard", "--model-version", "1", "--reason", "mislabelled")
    #expect(revoked.code == 0, "\(revoked)")
    let verified = try await models("verify")
    #expect(verified.code == 1 && verified.output.contains("(mislabelled)"), "\(verified)")
    try "{\"pinned\":\"1\"}".write(
      toFile: folder + "/models/heard/selection.json", atomically: true, encoding: .utf8)
    let shown = try await models("show", "heard")
    #expect(shown.code == 2 && shown.errors.contains("vrbridge models pin heard"), "\(shown)")
    for arguments in [["revoke"], ["revoke", "heard", "--list"]] {
      let usage = try await Program.run("vrbridge", ["models"] + arguments, environment: ["TERM": "dumb"])
      #expect(usage.code == 64 && usage.errors.contains("one is needed"), "\(usage)")
    }
  }
}
