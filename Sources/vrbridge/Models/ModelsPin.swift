import ArgumentParser
import CommandSupport
import Inference

struct ModelsPin: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin",
    abstract: "Choose the version that runs, or try one with a share of the requests.",
    discussion: discussion(
      examples: "vrbridge models pin object-detection 2",
      "vrbridge models pin object-detection 3 --share 0.1"))

  @Argument(help: "Model of the registry.", completion: .model)
  var name: String

  @Argument(help: "Version, or 'latest'.", completion: .pinnedVersion)
  var version: String

  @Option(
    help: ArgumentHelp(
      "Use the version for this share of the requests, 0 to 1; 0 ends the trial (default: all).",
      valueName: "share"))
  var share: Double?

  @OptionGroup var options: ModelOptions

  func run() throws {
    if let share, !(0...1).contains(share) { throw ValidationError("--share is between 0 and 1") }
    guard share == nil || version != "latest" else {
      throw ValidationError(
        "--share takes a version, not 'latest'; 'vrbridge models list' shows the versions")
    }
    let registry = try options.registry()
    try registry.pin(
      name, version == "latest" ? nil : version, canaryShare: share, signedWith: try options.signingKey())
    print(share.map { "\(name) \(version): \($0) of the requests" } ?? "\(name): \(version)")
  }
}

struct ModelsRollback: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback",
    abstract: "Return to the previously active version.",
    discussion: discussion(examples: "vrbridge models rollback object-detection"))

  @Argument(help: "Model of the registry.", completion: .model)
  var name: String

  @OptionGroup var options: ModelOptions

  func run() throws {
    let registry = try options.registry()
    let version = try registry.rollBack(name, signedWith: try options.signingKey())
    print("\(name): \(version)")
  }
}

struct ModelsRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Delete a version of a model.",
    discussion: discussion(examples: "vrbridge models remove parts 1"))

  @Argument(help: "Model of the registry.", completion: .model)
  var name: String

  @Argument(help: "Version to delete.", completion: .modelVersion)
  var version: String

  @OptionGroup var options: ModelOptions

  func run() throws {
    let registry = try options.registry()
    try registry.remove(name, version)
    print("\(name) \(version) is removed")
  }
}
