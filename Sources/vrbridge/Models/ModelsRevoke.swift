import ArgumentParser
import CommandSupport
import Inference

struct ModelsRevoke: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke",
    abstract: "End the trust in a model or a key, on this machine or from another machine's list.",
    discussion: discussion(
      "The bridge rejects a revoked model in spite of its signature, and unloads it within 1 s.",
      examples: "vrbridge models revoke parts --model-version 1 --reason 'wrong labels'",
      "vrbridge models revoke --list > revoked.list", "vrbridge models revoke --import revoked.list"))

  @Argument(help: "Model of the registry.", completion: .model)
  var name: String?

  @Option(
    name: .customLong("model-version"),
    help: ArgumentHelp("Revoke this version (default: the active one).", valueName: "version"),
    completion: .modelVersion)
  var version: String?

  @Option(help: ArgumentHelp("Revoke this public key (default: a model).", valueName: "key"))
  var key: String?

  @Option(
    name: .customLong("import"),
    help: ArgumentHelp(
      "Add the entries of this list, which a trusted key signed (default: none).", valueName: "file"),
    completion: .file())
  var file: String?

  @Flag(help: "Print your signed list, for --import on another machine.")
  var list = false

  @Option(help: ArgumentHelp("Record this reason, one line (default: none).", valueName: "text"))
  var reason = ""

  @OptionGroup var options: ModelOptions

  func validate() throws {
    let actions = [name != nil, key != nil, file != nil, list].filter { $0 }
    guard actions.count == 1 else {
      throw ValidationError("one is needed: a model's name, --key, --import or --list")
    }
  }

  func run() throws {
    let registry = try options.registry()
    if let name {
      let version = try options.version(name, version, registry)
      try registry.revoke(name, version, reason: reason)
      print("\(name) \(version) is revoked")
    } else if let key {
      try registry.revoke(key: key, reason: reason)
      print("\(key) is revoked")
    } else if let file {
      let count = try registry.importRevocations(file)
      print("\(count) entries of \(file) are revoked")
    } else {
      print(try registry.revocations().text(signedWith: try options.signingKey()), terminator: "")
    }
  }
}
