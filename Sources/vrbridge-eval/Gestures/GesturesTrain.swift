import ArgumentParser
import Bridge
import CommandSupport
import Evaluation
import Foundation
import Imaging
import Inference
import Perception

struct GesturesTrain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a network on your gestures and compare it with recognition by example.",
    discussion: discussion(
      """
      Recognition by the nearest example needs no training: a running bridge uses an example two seconds after it was \
      recorded. --network trains a small temporal network with PyTorch on your examples and the built-in gestures, \
      cross-validates both methods, and puts the signed network into the registry as 'movements'.
      """,
      examples: "vrbridge gestures train --network --plot loss.png"))

  @Flag(help: "Train a network.")
  var network = false

  @Option(
    help: ArgumentHelp(
      "Read a data set from this folder, see 'gestures eval' (default: your examples).", valueName: "folder"),
    completion: .directory)
  var data: String?

  @Option(help: "Seed random choices with this number: the same seed makes the same network.")
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp("Plot the loss over epochs to this PNG file (default: none).", valueName: "file"),
    completion: .file())
  var plot: String?

  @Flag(inversion: .prefixedNo, help: "Cross-validate both methods; --no-compare skips this.")
  var compare = true

  @OptionGroup var training: TrainingOptions
  @OptionGroup var options: GestureOptions
  @OptionGroup var models: ModelOptions

  func run() async throws {
    let examples = try data.map(GestureExamples.init(folder:)) ?? GestureExamples(store: options.store)
    guard !examples.list.isEmpty else {
      throw CommandError(
        "too-few-examples",
        "there are no examples in \(options.store.folder); record some with 'vrbridge gestures record NAME'")
    }
    guard network else {
      print(
        "\(examples.list.count) examples of \(examples.names.count) gestures; recognition by example needs no training, and 'gestures eval' evaluates it. A network: --network"
      )
      return
    }
    try await trainNetwork(examples)
  }

  private func trainNetwork(_ examples: GestureExamples) async throws {
    let proposal = compare && examples.names.count >= 2 ? try await compared(examples) : nil
    var all = examples.list.map { (name: $0.name, trace: $0.trace) }
    if data == nil { all += BuiltInGestures.all.filter { !examples.names.contains($0.name) } }
    let result = try training.trainer(seed: seed) { epoch in
      print(
        String(
          format: "epoch %d: loss %.3f, validation loss %.3f, accuracy %.1f %%", epoch.epoch, epoch.loss,
          epoch.validation, epoch.accuracy * 100))
    }.train(all)
    if let plot { try draw(result.history, plot) }

    let registry = try models.registry()
    let name = GestureNetwork.model
    let version = String((registry.versions(of: name).compactMap { Int($0) }.max() ?? 0) + 1)
    var manifest = ModelManifest(name: name, version: version, task: .gestureSequence)
    manifest.title = "Movements: \(result.labels.dropFirst().prefix(8).joined(separator: ", "))"
    manifest.source = "trained on \(all.count) examples (\(training.optimiser.rawValue), seed \(seed))"
    manifest.labels = result.labels
    let package = ModelPackage(
      manifest: manifest, files: [ModelPackage.File(name: "network.onnx", bytes: result.network)])
    try registry.add(package, signedWith: try models.signingKey())
    print("\(name) \(version): in \(registry.folder)/\(name)/\(version)")
    if let proposal { print(proposal) }
  }

  /// Cross-validates both methods.
  private func compared(_ examples: GestureExamples) async throws -> GestureProposal? {
    guard let folds = try? examples.folds(limit: data == nil ? 5 : 3) else {
      print("no gesture has two examples, so the methods cannot be cross-validated")
      return nil
    }
    var trial = GestureTrial(folds: folds)
    trial.seed = seed
    trial.isRejectionJudged = false
    let nearest = trial.byExample()
    let learned = try await trial.byNetwork(
      training.trainer(seed: seed) { _ in }, engine: try models.settings().localEngine)
    for (title, answers) in [("the nearest example", nearest), ("a network", learned)] {
      let report = ClassificationReport(answers.pairs)
      print(
        String(
          format: "%@: %.1f %% of %d held-out examples are right, F1 %.3f", title, report.accuracy * 100,
          report.count, report.macro.f1))
    }
    return GestureProposal(examples: nearest, network: learned)
  }

  private func draw(_ history: [GestureTrainer.Epoch], _ path: String) throws {
    func curve(_ colour: LinePlot.Colour, _ value: (GestureTrainer.Epoch) -> Double) -> LinePlot.Curve {
      LinePlot.Curve(colour: colour, points: history.map { (Double($0.epoch), value($0)) })
    }
    let best = history.min { $0.validation < $1.validation }
    try LinePlot(
      panels: [
        LinePlot.Panel(
          "cross-entropy: training (blue), validation (red)",
          [curve(.blue, \.loss), curve(.red, \.validation)]),
        LinePlot.Panel("share of right answers on validation examples", [curve(.green, \.accuracy)]),
      ], note: "\(training.optimiser.rawValue); epoch \(best?.epoch ?? 0) was kept", unit: "epochs"
    ).write(to: path)
    print("loss: \(path)")
  }
}
