import ArgumentParser
import CommandSupport
import Foundation
import Inference

struct ModelsSign: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign",
    abstract: "Sign the current files of a version with your key.",
    discussion: discussion(examples: "vrbridge models sign parts"))

  @Argument(help: "Model of the registry.", completion: .model)
  var name: String

  @Option(
    name: .customLong("model-version"),
    help: ArgumentHelp("Use this version (default: the active one).", valueName: "version"),
    completion: .modelVersion)
  var version: String?

  @OptionGroup var options: ModelOptions

  func run() throws {
    let key = try options.signingKey()
    let registry = try options.registry()
    let version = try options.version(name, version, registry)
    try registry.sign(name, version, with: key)
    print("\(name) \(version) is signed by \(SigningKey.publicText(key))")
  }
}

struct ModelsEncrypt: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encrypt",
    abstract: "Encrypt a version's files with AES-256-GCM.",
    discussion: discussion(
      "'models: key' in the configuration must name the key when the model runs.",
      examples: "(umask 077; openssl rand -base64 32 > model.key)",
      "vrbridge models encrypt parts --key model.key"))

  @Argument(help: "Model of the registry.", completion: .model)
  var name: String

  @Option(
    name: .customLong("model-version"),
    help: ArgumentHelp("Use this version (default: the active one).", valueName: "version"),
    completion: .modelVersion)
  var version: String?

  @Option(
    help: ArgumentHelp(
      "Read the key from this file (32 bytes or their base64), or from a systemd credential of this name.",
      valueName: "file"), completion: .file())
  var key: String

  @OptionGroup var options: ModelOptions

  func run() throws {
    let signing = try options.signingKey()
    let registry = try options.registry()
    let version = try options.version(name, version, registry)
    let modelKey = try ModelKey.load(key, environment: ProcessInfo.processInfo.environment)
    try registry.encrypt(name, version, with: modelKey, signedWith: signing)
    print("\(name) \(version) is encrypted")
  }
}
