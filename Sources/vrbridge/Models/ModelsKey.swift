import ArgumentParser
import CommandSupport
import Inference

struct ModelsKey: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key",
    abstract: "Print your public key for 'models: trusted_keys' of other machines, or replace the key.",
    discussion: discussion(
      "--rotate signs your models with the new key and revokes the previous key.",
      examples: "vrbridge models key", "vrbridge models key --rotate"))

  @Flag(help: "Make a new key, sign your models again and revoke the previous key.")
  var rotate = false

  @OptionGroup var options: ModelOptions

  func run() throws {
    guard rotate else {
      print(SigningKey.publicText(try options.signingKey()))
      return
    }
    let rotation = try options.registry().rotateKey()
    print(rotation.key)
    for model in rotation.signed { print("\(model): signed with the new key") }
    for problem in rotation.problems { Terminal.complain("vrbridge: not signed again: \(problem)") }
    if let revoked = rotation.revoked {
      print(
        "\(revoked) is revoked; on machines that trust it, replace it in 'models: trusted_keys' and import the list: vrbridge models revoke --list > revoked.list"
      )
    }
  }
}
