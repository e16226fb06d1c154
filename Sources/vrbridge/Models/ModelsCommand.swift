import ArgumentParser
import Bridge
import Crypto
import Devices
import Foundation
import Inference
import StrictYAML

struct ModelsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Fetch, check, sign, choose and remove the models that look at frames.",
    subcommands: [
      ModelsPull.self, ModelsList.self, ModelsShow.self, ModelsVerify.self, ModelsAdd.self, ModelsSign.self,
      ModelsEncrypt.self, ModelsPin.self, ModelsRollback.self, ModelsRemove.self, ModelsKey.self,
      ModelsEval.self, ModelsExplain.self, ModelsQuantise.self, ModelsTry.self,
    ])
}

/// Options that all of them take.
struct ModelOptions: ParsableArguments {
  @Option(help: "Folder of models.")
  var models: String?

  @Option(help: "Configuration file.")
  var config: String?

  func configuration() throws -> Configuration {
    var configuration = Configuration()
    let environment = ProcessInfo.processInfo.environment
    if let file = config ?? Configuration.standardFile(environment: environment) {
      guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
        throw Failure("the configuration file \(file) can't be read")
      }
      do { try configuration.apply(text: text, file: file) } catch {
        throw Failure(String(describing: error))
      }
    }
    if let models { configuration.models.value.folder = models }
    return configuration
  }

  func settings() throws -> ModelSettings { try configuration().models.value }

  var stateFolder: String { CalibrationStore.stateFolder(environment: ProcessInfo.processInfo.environment) }

  func host() throws -> ModelHost {
    try settings().host(stateFolder: stateFolder, remote: nil) { text in
      FileHandle.standardError.write(Data("vrbridge: \(text)\n".utf8))
    }
  }

  func registry() throws -> ModelRegistry { try settings().registry(stateFolder: stateFolder) }

  func signingKey() throws -> Curve25519.Signing.PrivateKey {
    try attempt { () throws(RegistryError) in
      try SigningKey.loadOrMake(file: ModelSettings.signingKeyFile(stateFolder: stateFolder))
    }
  }

  /// A version that was named, or the only sensible one.
  func version(_ name: String, _ given: String?, _ registry: ModelRegistry) throws -> String {
    let versions = registry.versions(of: name)
    if let given {
      guard versions.contains(given) else {
        throw Failure(
          "there is no \(name) \(given); there is: \(versions.isEmpty ? "none" : versions.joined(separator: ", "))"
        )
      }
      return given
    }
    guard let chosen = registry.choice(of: name).version(among: versions, draw: 1) ?? versions.last else {
      throw Failure("there is no model '\(name)' in \(registry.folder)")
    }
    return chosen
  }
}

/// Gives the registry's errors the program's form.
func attempt<Result>(_ body: () throws(RegistryError) -> Result) throws -> Result {
  do throws(RegistryError) { return try body() } catch { throw Failure(error.description) }
}

struct ModelsPull: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull",
    abstract: "Fetch models of the catalogue, or the libraries that run them: 'openvino', 'sherpa-onnx'."
  )

  @Argument(help: "Names in the catalogue; 'models list --known' shows them.")
  var names: [String] = []

  @Flag(
    name: .customLong("default"), help: "The libraries, and the models of hands, gestures, text and speech.")
  var isDefault = false

  @Option(help: "Take this file instead of fetching it; its digest must be the catalogue's all the same.")
  var from: String?

  @OptionGroup var options: ModelOptions

  func run() throws {
    let settings = try options.settings()
    let catalog = try attempt { () throws(RegistryError) in
      try ModelCatalog.load(file: Configuration.modelCatalog)
    }
    var wanted = names
    if isDefault {
      wanted += catalog.runtimes.map(\.name) + catalog.entries.filter(\.isDefault).map(\.manifest.name)
    }
    guard !wanted.isEmpty else {
      throw ValidationError("name a model, or give --default; 'vrbridge models list --known' shows them")
    }
    guard from == nil || wanted.count == 1 else { throw ValidationError("--from goes with one model") }
    let key = try options.signingKey()
    let registry = try options.registry()
    let fetcher = try attempt { () throws(RegistryError) in
      try ModelFetcher(catalog: catalog, registry: registry)
    }
    for name in wanted {
      let runtime = catalog.runtimes.first { $0.name == name }
      let place = runtime.map { settings.folder(ofRuntime: $0.name) } ?? registry.folder + "/" + name
      let isNew = try attempt { () throws(RegistryError) in
        if let runtime { return try fetcher.pull(runtime, into: place) }
        return try fetcher.pull(try catalog.entry(name), from: from, signedWith: key)
      }
      if isNew {
        let licence = catalog.entries.first { $0.manifest.name == name }?.manifest.licence
        print("\(name)\(licence.map { " (\($0))" } ?? ""): in \(place)")
      } else if !isDefault {
        print("\(name): there already")
      }
    }
  }
}

struct ModelsList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Models that are here, their versions and states.")

  @Flag(help: "Those that can be fetched.")
  var known = false

  @Flag(help: "JSON, one object a line.")
  var json = false

  @OptionGroup var options: ModelOptions

  func run() throws {
    if known {
      let catalog = try attempt { () throws(RegistryError) in
        try ModelCatalog.load(file: Configuration.modelCatalog)
      }
      for entry in catalog.entries {
        let manifest = entry.manifest
        if json {
          print(
            "{\"name\":\(PoseLine.quoted(manifest.name)),\"version\":\(PoseLine.quoted(manifest.version)),\"task\":\"\(manifest.task.rawValue)\",\"default\":\(entry.isDefault)}"
          )
        } else {
          print(
            Terminal.pad(manifest.name, 20) + Terminal.pad(entry.isDefault ? "default" : "", 9)
              + manifest.title)
        }
      }
      return
    }
    let registry = try options.registry()
    let entries = registry.entries()
    if entries.isEmpty, !json {
      print(
        "There is no model in \(registry.folder); get the usual ones with: vrbridge models pull --default")
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
          "{\"name\":\(PoseLine.quoted(entry.name)),\"version\":\(PoseLine.quoted(entry.version)),\"task\":\(PoseLine.quoted(entry.manifest?.task.rawValue ?? "")),\"digest\":\"\(entry.digest)\",\"marks\":[\(marks.map(PoseLine.quoted).joined(separator: ","))],\"problem\":\(entry.problem.map(PoseLine.quoted) ?? "null")}"
        )
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

struct ModelsShow: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "A model's manifest.")

  @Argument(help: "The model.")
  var name: String

  @Option(help: "Of it; else the one in force.")
  var version: String?

  @OptionGroup var options: ModelOptions

  func run() throws {
    let registry = try options.registry()
    let entry = registry.entry(name, try options.version(name, version, registry), deep: true)
    guard var manifest = entry.manifest else { throw Failure(entry.problem ?? "it can't be read") }
    let count = manifest.labels.count
    if count > 20 { manifest.labels = Array(manifest.labels.prefix(20)) + ["… \(count - 20) more"] }
    print(manifest.text, terminator: "")
    print("# digest \(entry.digest)")
    print(
      "# \(entry.problem.map { "refused: " + $0 } ?? "signed by a trusted key, all files as the manifest says")"
    )
  }
}

struct ModelsVerify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check signatures and digests of all models, or of one.",
    discussion: "Exit code 1 when one is refused.")

  @Argument(help: "The model; all of them when not given.")
  var name: String?

  @OptionGroup var options: ModelOptions

  func run() throws {
    let registry = try options.registry()
    if let name, registry.versions(of: name).isEmpty {
      throw Failure("there is no model '\(name)' in \(registry.folder)")
    }
    let entries = registry.entries(deep: true).filter { name == nil || $0.name == name }
    for entry in entries {
      print(
        entry.problem.map { Terminal.styled("REFUSED ", .red) + $0 }
          ?? Terminal.styled("ok      ", .green) + "\(entry.name) \(entry.version)")
    }
    if entries.contains(where: { $0.problem != nil }) { throw ExitCode(1) }
  }
}

struct ModelsAdd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Put a model of yours into the registry, signed with your key.",
    discussion: "An IR needs both files: the .xml, and the .bin with --file.")

  @Argument(help: "The name it will have.")
  var name: String

  @Argument(help: "ONNX, TensorFlow Lite or OpenVINO IR (.xml).")
  var model: String

  @Option(help: "A version that is not there yet.")
  var version: String

  @Option(help: "What it is for: object-detection, image-classification, tensors, …")
  var task: String

  @Option(help: "Further files that it needs.")
  var file: [String] = []

  @Option(help: "A file with a label a line.")
  var labels: String?

  @Option(help: "How its numbers become boxes.")
  var decoder: String?

  @Option(help: ArgumentHelp("How pictures become its input.", valueName: "NCHW|NHWC"))
  var layout: String?

  @Option(help: ArgumentHelp("Order of the colours.", valueName: "RGB|BGR"))
  var order: String = "RGB"

  @Option(help: ArgumentHelp("Taken off each colour's byte.", valueName: "a,b,c"))
  var mean: String?

  @Option(help: ArgumentHelp("Then multiplied with it; 1/255 each when not given.", valueName: "a,b,c"))
  var scale: String?

  @Option(help: "For people.")
  var title: String = ""

  @Option(help: "SPDX name.")
  var licence: String = ""

  @OptionGroup var options: ModelOptions

  func run() throws {
    guard let task = ModelTask(rawValue: task) else {
      throw ValidationError("--task is one of \(ModelTask.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    var manifest = ModelManifest(name: name, version: version, task: task)
    manifest.title = title
    manifest.licence = licence
    manifest.source = "added from a file"
    if let decoder {
      guard let known = ModelDecoder(rawValue: decoder) else {
        throw ValidationError(
          "--decoder is one of \(ModelDecoder.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      manifest.decoder = known
    }
    if let layout {
      guard let known = PictureLayout(rawValue: layout), ["RGB", "BGR"].contains(order) else {
        throw ValidationError("--layout is NCHW or NHWC, --order RGB or BGR")
      }
      var picture = PictureInput(layout: known, isBGR: order == "BGR")
      if let mean { picture.mean = try numbers(mean, "--mean") }
      if let scale { picture.scale = try numbers(scale, "--scale") }
      manifest.picture = picture
    }
    var files: [ModelPackage.File] = []
    for path in [model] + file {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw Failure("\(path) can't be read")
      }
      files.append(ModelPackage.File(name: URL(fileURLWithPath: path).lastPathComponent, bytes: Array(data)))
    }
    var list: [UInt8]?
    if let labels {
      guard let data = FileManager.default.contents(atPath: labels) else {
        throw Failure("\(labels) can't be read")
      }
      list = Array(data)
    }
    // Before it is signed, and nowhere near a running bridge.
    if let report = try ModelTrial.open(
      ModelPackage(manifest: manifest, files: files), config: options.config)
    {
      if let fault = report.fault { throw Failure("\(model) is not added: \(fault)") }
      manifest.inputs = report.inputs.compactMap(\.spec)
      manifest.outputs = report.outputs.compactMap(\.spec)
    } else {
      FileHandle.standardError.write(Data("vrbridge: \(name) was not tried: nothing here runs it\n".utf8))
    }
    let key = try options.signingKey()
    let registry = try options.registry()
    try attempt { () throws(RegistryError) in
      try registry.add(ModelPackage(manifest: manifest, files: files), labels: list, signedWith: key)
    }
    print("\(name) \(version): in \(registry.folder)/\(name)/\(version)")
    for (kind, specs) in [("takes", manifest.inputs), ("gives", manifest.outputs)] where !specs.isEmpty {
      print("  \(kind) \(specs.map(\.description).joined(separator: ", "))")
    }
  }

  private func numbers(_ text: String, _ option: String) throws -> [Double] {
    let list = text.split(separator: ",").compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
    guard list.count == 3, list.allSatisfy(\.isFinite) else {
      throw ValidationError("\(option) takes three numbers: a,b,c")
    }
    return list
  }
}

struct ModelsSign: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign", abstract: "Vouch for a version with your key, as its files are now.")

  @Argument(help: "The model.")
  var name: String

  @Option(help: "Of it; else the one in force.")
  var version: String?

  @OptionGroup var options: ModelOptions

  func run() throws {
    let key = try options.signingKey()
    let registry = try options.registry()
    let version = try options.version(name, version, registry)
    try attempt { () throws(RegistryError) in try registry.sign(name, version, with: key) }
    print("\(name) \(version) is signed by \(SigningKey.publicText(key))")
  }
}

struct ModelsEncrypt: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encrypt", abstract: "Encrypt a version's files with AES-256-GCM.",
    discussion: "'models: key' in the configuration must name the key when the model is run.")

  @Argument(help: "The model.")
  var name: String

  @Option(help: "Of it; else the one in force.")
  var version: String?

  @Option(help: "File with 32 bytes or their base64 (openssl rand -base64 32), or a systemd credential.")
  var key: String

  @OptionGroup var options: ModelOptions

  func run() throws {
    let signing = try options.signingKey()
    let registry = try options.registry()
    let version = try options.version(name, version, registry)
    try attempt { () throws(RegistryError) in
      let modelKey = try ModelKey.load(key, environment: ProcessInfo.processInfo.environment)
      try registry.encrypt(name, version, with: modelKey, signedWith: signing)
    }
    print("\(name) \(version) is encrypted")
  }
}

struct ModelsPin: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin", abstract: "Say which version is run, or try one with a share of the requests.")

  @Argument(help: "The model.")
  var name: String

  @Argument(help: "A version, or 'latest'.")
  var version: String

  @Option(help: ArgumentHelp("Only for this share; 0 ends the trial.", valueName: "0…1"))
  var share: Double?

  @OptionGroup var options: ModelOptions

  func run() throws {
    if let share, !(0...1).contains(share) { throw ValidationError("--share is between 0 and 1") }
    let registry = try options.registry()
    try attempt { () throws(RegistryError) in
      try registry.pin(name, version == "latest" ? nil : version, canaryShare: share)
    }
    print(share.map { "\(name) \(version): \($0) of the requests" } ?? "\(name): \(version)")
  }
}

struct ModelsRollback: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Go back to the version that was run before.")

  @Argument(help: "The model.")
  var name: String

  @OptionGroup var options: ModelOptions

  func run() throws {
    let registry = try options.registry()
    let version = try attempt { () throws(RegistryError) in try registry.rollBack(name) }
    print("\(name): \(version)")
  }
}

struct ModelsRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "remove", abstract: "Delete a version.")

  @Argument(help: "The model.")
  var name: String

  @Argument(help: "The version.")
  var version: String

  @OptionGroup var options: ModelOptions

  func run() throws {
    let registry = try options.registry()
    try attempt { () throws(RegistryError) in try registry.remove(name, version) }
    print("\(name) \(version) is removed")
  }
}

struct ModelsKey: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "Print your public key, for 'models: trusted_keys' of others.")

  @OptionGroup var options: ModelOptions

  func run() throws {
    print(SigningKey.publicText(try options.signingKey()))
  }
}
