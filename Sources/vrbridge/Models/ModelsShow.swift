import ArgumentParser
import CommandSupport
import Inference

struct ModelsShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Print a model's manifest.",
    discussion: discussion(examples: "vrbridge models show object-detection"))

  @Argument(help: "Model of the registry.", completion: .model)
  var name: String

  @Option(
    name: .customLong("model-version"),
    help: ArgumentHelp("Use this version (default: the active one).", valueName: "version"),
    completion: .modelVersion)
  var version: String?

  @OptionGroup var options: ModelOptions

  func run() throws {
    let registry = try options.registry()
    let entry = registry.entry(name, try options.version(name, version, registry), deep: true)
    guard var manifest = entry.manifest else {
      throw CommandError("model-invalid", entry.problem ?? "the manifest of \(name) can't be read")
    }
    let count = manifest.labels.count
    if count > 20 { manifest.labels = Array(manifest.labels.prefix(20)) + ["… \(count - 20) more"] }
    print(manifest.text, terminator: "")
    print("# digest \(entry.digest)")
    print(
      "# \(entry.problem.map { "refused: " + $0 } ?? "trusted, all files match the manifest")"
    )
  }
}

struct ModelsVerify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check signatures and digests of all models, or of one.",
    discussion: discussion(
      "Exit status 1 when a model is rejected.", examples: "vrbridge models verify"))

  @Argument(help: "Model of the registry (default: all).", completion: .model)
  var name: String?

  @OptionGroup var options: ModelOptions

  func run() throws {
    let registry = try options.registry()
    if let name, registry.versions(of: name).isEmpty {
      throw CommandError("unknown-model", "there is no model '\(name)' in \(registry.folder)")
    }
    let entries = registry.entries(deep: true).filter { name == nil || $0.name == name }
    guard !entries.isEmpty else {
      throw CommandError(
        "nothing-to-verify", "there is no model in \(registry.folder); 'vrbridge models pull' fetches some")
    }
    for entry in entries {
      print(
        entry.problem.map { Terminal.styled("REFUSED ", .red) + $0 }
          ?? Terminal.styled("ok      ", .green) + "\(entry.name) \(entry.version)")
    }
    if entries.contains(where: { $0.problem != nil }) { throw ExitCode.differs }
  }
}
