import ArgumentParser
import Bridge
import CommandSupport
import Evaluation
import Foundation
import Inference

struct ModelsQuantise: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantise",
    abstract: "Make a faster 8-bit version of a model for images (NNCF).",
    discussion: discussion(
      """
      Use images like those that the model will process: the quantisation is fitted to them. The active \
      version stays active; the command prints the difference in time and answers, and 'models pin' activates the new \
      version. Needs a Python with NNCF and OpenVINO.
      """,
      examples: "vrbridge models quantise object-detection --data images"))

  @Argument(help: "Model of the registry.", completion: .model)
  var name: String

  @Option(
    help: ArgumentHelp("Read JPEG and PNG images from this folder.", valueName: "folder"),
    completion: .directory)
  var data: String

  @Option(
    name: .customLong("model-version"),
    help: ArgumentHelp(
      "Name the new version (default: the model's version with '-int8').", valueName: "version"))
  var version: String?

  @Option(
    help: ArgumentHelp("Run this Python, which has NNCF and OpenVINO.", valueName: "program"),
    completion: .file())
  var python = "python3"

  @OptionGroup var options: ModelOptions

  func run() async throws {
    let registry = try options.registry()
    guard !registry.versions(of: name).isEmpty else {
      throw CommandError("unknown-model", "there is no model '\(name)' in \(registry.folder)")
    }
    let current = try registry.versionInForce(of: name)
    let model = try registry.package(name, current).package
    let quantiser = Quantiser(
      model, registry: registry, engine: try options.settings().localEngine,
      tool: PythonTool(python: python, script: ScriptFolder.path("quantise.py")))
    let samples = try await quantiser.samples(of: data)
    print("\(name) \(current): fitting to \(samples.count) inputs")
    var manifest = model.manifest
    manifest.version = version ?? current + "-int8"
    manifest.title += manifest.title.isEmpty ? "8 bits" : ", 8 bits"
    manifest.source = "quantised from \(name) \(current)"
    let labels = manifest.labelsFile.flatMap { file in model.files.first { $0.name == file }?.bytes }
    manifest.labelsFile = nil
    let result = ModelPackage(manifest: manifest, files: try quantiser.quantise(samples))
    report(try await quantiser.compare(result, on: samples))
    // The user decides when the new version becomes active.
    let key = try options.signingKey()
    if registry.choice(of: name).pinned == nil { try registry.pin(name, current, signedWith: key) }
    try registry.add(result, labels: labels, signedWith: key)
    print("\(name) \(manifest.version): in \(registry.folder)/\(name)/\(manifest.version)")
    print(
      "\(name) \(current) stays active; to change: vrbridge models pin \(name) \(manifest.version), and back: vrbridge models rollback \(name)"
    )
  }

  private func report(_ result: Quantiser.Comparison) {
    print(
      String(
        format: "%.1f ms instead of %.1f: ratio %.2f", result.after, result.before,
        result.after / result.before))
    for (output, share) in result.differences {
      print(String(format: "answers differ by %.2f %% in '%@'", share * 100, output))
    }
  }
}
