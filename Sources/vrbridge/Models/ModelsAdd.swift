import ArgumentParser
import Bridge
import CommandSupport
import Foundation
import Inference
import Perception

struct ModelsAdd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Add your own model to the registry, signed with your key.",
    discussion: discussion(
      "The command first opens the model in a separate process. An OpenVINO IR needs both files: the .xml, and the .bin with --file.",
      examples:
        "vrbridge models add parts parts.onnx --model-version 1 --task object-detection --decoder yolox --layout NCHW --labels parts.txt"
    )
  )

  @Argument(help: "Name in the registry.")
  var name: String

  @Argument(help: "File: ONNX, TensorFlow Lite or OpenVINO IR (.xml).", completion: .file())
  var model: String

  @Option(
    name: .customLong("model-version"),
    help: ArgumentHelp("Use this version, which must be new.", valueName: "version"))
  var version: String

  @Option(
    help: ArgumentHelp(
      "Use the model for this task: \(ModelSettings.vocabulary.tasks.map(\.rawValue).joined(separator: ", ")).",
      valueName: "task"), completion: .list(ModelSettings.vocabulary.tasks.map(\.rawValue)))
  var task: String

  @Option(
    help: ArgumentHelp("Add this file too; repeatable (default: none).", valueName: "file"),
    completion: .file())
  var file: [String] = []

  @Option(
    help: ArgumentHelp("Read labels from this file, one per line (default: none).", valueName: "file"),
    completion: .file())
  var labels: String?

  @Option(
    help: ArgumentHelp(
      "Use this decoder of outputs: \(ModelSettings.vocabulary.decoders.map(\.rawValue).joined(separator: ", ")) (default: by task).",
      valueName: "decoder"), completion: .list(ModelSettings.vocabulary.decoders.map(\.rawValue)))
  var decoder: String?

  @Option(
    help: ArgumentHelp(
      "Arrange images in this order of dimensions (default: the model takes no images).",
      valueName: "NCHW|NHWC"), completion: .list(["NCHW", "NHWC"]))
  var layout: String?

  @Option(
    help: ArgumentHelp("Arrange colours in this order.", valueName: "RGB|BGR"),
    completion: .list(["RGB", "BGR"]))
  var order: String = "RGB"

  @Option(
    help: ArgumentHelp("Subtract these values from the colours' bytes (default: 0,0,0).", valueName: "a,b,c"))
  var mean: String?

  @Option(
    help: ArgumentHelp(
      "Multiply the differences with these values (default: 1/255 each).", valueName: "a,b,c"))
  var scale: String?

  @Flag(
    help:
      "State that the first dimension of all tensors is a batch, so that requests may run together; rows that affect each other are refused."
  )
  var batch = false

  @Option(help: ArgumentHelp("Describe the model in a few words (default: none).", valueName: "text"))
  var title: String = ""

  @Option(help: ArgumentHelp("Record this licence (SPDX name; default: none).", valueName: "name"))
  var licence: String = ""

  @OptionGroup var options: ModelOptions

  func run() async throws {
    let vocabulary = ModelSettings.vocabulary
    guard let task = vocabulary.tasks.first(where: { $0.rawValue == task }) else {
      throw ValidationError("--task is one of \(vocabulary.tasks.map(\.rawValue).joined(separator: ", "))")
    }
    var manifest = ModelManifest(name: name, version: version, task: task)
    manifest.title = title
    manifest.licence = licence
    manifest.source = "added from a file"
    manifest.isBatch = batch
    if let decoder {
      guard let known = vocabulary.decoders.first(where: { $0.rawValue == decoder }) else {
        throw ValidationError(
          "--decoder is one of \(vocabulary.decoders.map(\.rawValue).joined(separator: ", "))")
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
      let data = try CommandError.contents(of: path)
      files.append(ModelPackage.File(name: URL(fileURLWithPath: path).lastPathComponent, bytes: Array(data)))
    }
    var list: [UInt8]?
    if let labels {
      list = Array(try CommandError.contents(of: labels))
    }
    if let missing = manifest.missingRequirement(hasLabels: list != nil) {
      throw CommandError("model-incomplete", "\(model) is not added: \(missing)")
    }
    // Tried before it is signed, in a process of its own.
    let configuration = try options.configuration()
    let outcome: ModelTrial.Outcome
    do throws(InferenceError) {
      outcome = try await ModelTrial.open(
        ModelPackage(manifest: manifest, files: files), configuration)
    } catch { throw CommandError("model-refused", "\(model) is not added: \(error.description)") }
    switch outcome {
    case .opened(let found):
      if let mismatch = manifest.mismatch(inputs: found.inputs) {
        throw CommandError("model-refused", "\(model) is not added: \(mismatch)")
      }
      (manifest.inputs, manifest.outputs) = (found.inputs, found.outputs)
      report(found)
    case .untried(let reason):
      if batch {
        throw CommandError(
          "model-refused",
          "\(model) is not added: its rows can't be tested, so leave out --batch: \(reason)")
      }
      Terminal.complain("vrbridge: \(name) was not tried: \(reason)")
    }
    let key = try options.signingKey()
    let registry = try options.registry()
    try registry.add(ModelPackage(manifest: manifest, files: files), labels: list, signedWith: key)
    print("\(name) \(version): in \(registry.folder)/\(name)/\(version)")
    for (kind, specs) in [("inputs:", manifest.inputs), ("outputs:", manifest.outputs)] where !specs.isEmpty {
      print("  \(kind) \(Terminal.field(specs.map(\.description).joined(separator: ", ")))")
    }
  }

  /// Reports numbers that the engine computes with less precision.
  private func report(_ found: ModelTrial.Found) {
    guard let note = found.precisionNote else { return }
    let remedy =
      model.hasSuffix(".onnx")
      ? "; ONNX Runtime computes them exactly, install it with: vrbridge models pull sherpa-onnx" : ""
    Terminal.complain("vrbridge: \(name): \(Terminal.field(note))\(remedy)")
  }

  private func numbers(_ text: String, _ option: String) throws -> [Double] {
    let list = text.split(separator: ",").compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
    guard list.count == 3, list.allSatisfy(\.isFinite) else {
      throw ValidationError("\(option) takes three numbers: a,b,c")
    }
    return list
  }
}
