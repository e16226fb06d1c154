import ArgumentParser
import Bridge
import CommandSupport
import Inference

struct ModelsList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List installed models with versions and states.",
    discussion: discussion(examples: "vrbridge models list", "vrbridge models list --known"))

  @Flag(help: "List the models of the catalogue instead.")
  var known = false

  @Flag(help: "Print JSON, one object per model.")
  var json = false

  @OptionGroup var options: ModelOptions

  private struct KnownModel: Encodable {
    var name: String
    var version: String
    var task: String
    var `default`: Bool
  }

  private struct InstalledModel: Encodable {
    var name: String
    var version: String
    var task: String
    var digest: String
    var marks: [String]
    var problem: Nullable<String>
  }

  func run() throws { try known ? listCatalog() : listInstalled() }

  private func listCatalog() throws {
    for entry in try ModelSettings.catalog().entries {
      let manifest = entry.manifest
      if json {
        print(
          JSONLine.text(
            KnownModel(
              name: manifest.name, version: manifest.version, task: manifest.task.rawValue,
              default: entry.isDefault)))
      } else {
        print(
          Terminal.pad(manifest.name, 20) + Terminal.pad(entry.isDefault ? "default" : "", 9)
            + manifest.title)
      }
    }
  }

  private func listInstalled() throws {
    let registry = try options.registry()
    let entries = registry.entries()
    if entries.isEmpty, !json {
      print("There is no model in \(registry.folder); fetch the usual ones: vrbridge models pull --default")
    }
    for entry in entries {
      let choice = registry.choice(of: entry.name)
      let inForce = choice.version(among: registry.versions(of: entry.name), draw: 1) == entry.version
      var marks: [String] = []
      if inForce { marks.append(choice.pinned == entry.version ? "pinned" : "in force") }
      if let canary = choice.canary, canary.version == entry.version {
        marks.append("canary \(Int((canary.share * 100).rounded())) %")
      }
      if entry.manifest?.isEncrypted == true { marks.append("encrypted") }
      if json {
        print(
          JSONLine.text(
            InstalledModel(
              name: entry.name, version: entry.version, task: entry.manifest?.task.rawValue ?? "",
              digest: entry.digest, marks: marks, problem: Nullable(entry.problem))))
        continue
      }
      let state =
        entry.problem.map { Terminal.styled("refused: " + $0, .red) } ?? marks.joined(separator: ", ")
      print(
        Terminal.pad(entry.name, 20) + Terminal.pad(entry.version, 8)
          + Terminal.pad(entry.manifest?.task.rawValue ?? "?", 24) + state)
    }
  }
}
