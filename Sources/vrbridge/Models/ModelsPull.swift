import ArgumentParser
import Bridge
import CommandSupport
import Inference

struct ModelsPull: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull",
    abstract: "Fetch models of the catalogue and the libraries that run them.",
    discussion: discussion(
      "The libraries are 'openvino' and 'sherpa-onnx'. A terminal shows size, rate and remaining time of each download.",
      examples: "vrbridge models pull --default", "vrbridge models pull wake-alexa"))

  @Argument(help: "Names in the catalogue; 'models list --known' lists them.", completion: .catalogued)
  var names: [String] = []

  @Flag(
    name: .customLong("default"),
    help: "Fetch the libraries and the models of hands, gestures, text and speech.")
  var isDefault = false

  @Option(
    help: ArgumentHelp(
      "Install one model from this file, if its digest is that of the catalogue (default: download).",
      valueName: "file"), completion: .file())
  var from: String?

  @OptionGroup var options: ModelOptions

  func run() throws {
    let settings = try options.settings()
    let catalog = try ModelSettings.catalog()
    var wanted = names
    if isDefault {
      wanted += catalog.runtimes.map(\.name) + catalog.entries.filter(\.isDefault).map(\.manifest.name)
    }
    guard !wanted.isEmpty else {
      throw ValidationError("a name or --default is needed; 'vrbridge models list --known' lists names")
    }
    guard from == nil || wanted.count == 1 else { throw ValidationError("--from goes with one model") }
    let key = try options.signingKey()
    let registry = try options.registry()
    var fetcher = try ModelFetcher(catalog: catalog, registry: registry)
    let bar = ProgressBar()
    if let bar { fetcher.progress = { bar.update(received: $0.received, total: $0.total) } }
    defer { bar?.clear() }
    for (index, name) in wanted.enumerated() {
      bar?.begin("\(index + 1) of \(wanted.count) \(name)")
      let runtime = catalog.runtimes.first { $0.name == name }
      let folder = runtime.map { settings.folder(ofRuntime: $0.name) } ?? registry.folder + "/" + name
      let isNew =
        if let runtime {
          try fetcher.pull(runtime, into: folder)
        } else {
          try fetcher.pull(try catalog.entry(name), from: from, signedWith: key)
        }
      bar?.clear()
      if isNew {
        let licence = catalog.entries.first { $0.manifest.name == name }?.manifest.licence
        print("\(name)\(licence.map { " (\($0))" } ?? ""): in \(folder)")
      } else if !isDefault {
        print("\(name): present already")
      }
    }
  }
}
