import ArgumentParser
import CommandSupport
import Foundation
import Inference
import Perception

struct GesturesExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Export your examples as one JSON file, or the network as ONNX.",
    discussion: discussion(examples: "vrbridge gestures export examples.json"))

  @Argument(
    help: "File to write: NAME.json for the examples, NAME.onnx for the active network.", completion: .file())
  var out: String

  @OptionGroup var options: GestureOptions
  @OptionGroup var models: ModelOptions

  func run() throws {
    if out.hasSuffix(".onnx") { return try exportNetwork() }
    var all: [String: [GestureTrace]] = [:]
    for name in options.store.names { all[name] = options.store.examples(of: name).traces }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    try write(try encoder.encode(all))
    print("\(all.count) gestures, \(all.values.reduce(0) { $0 + $1.count }) examples: \(out)")
  }

  private func exportNetwork() throws {
    let registry = try models.registry()
    let name = GestureNetwork.model
    guard !registry.versions(of: name).isEmpty else {
      throw CommandError(
        "network-missing", "there is no network yet: 'vrbridge gestures train --network' makes one")
    }
    let version = try registry.versionInForce(of: name)
    let package = try registry.package(name, version).package
    try write(Data(package.files[0].bytes))
    let labels = Terminal.field(package.manifest.labels.joined(separator: ", "))
    print("\(name) \(version): \(out); its outputs are \(labels)")
  }

  private func write(_ data: Data) throws {
    do { try data.write(to: URL(fileURLWithPath: out)) } catch {
      throw CommandError.unwritable(out, error)
    }
  }
}
