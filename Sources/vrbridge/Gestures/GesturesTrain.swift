import ArgumentParser
import Bridge
import Foundation
import Inference
import Perception

struct GesturesTrain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract:
      "Train a network that tells your gestures apart, and see whether it is better than the examples themselves.",
    discussion: """
      What is recognised by the nearest example needs no training: a running bridge knows an example two seconds after it \
      was recorded. --network trains a small temporal network with PyTorch on your examples (and the built-in gestures), \
      tries both on examples that they did not learn from, and puts the network, signed, into the registry as 'movements'.
      """)

  @Flag(help: "Train a network.")
  var network = false

  @Option(help: "Folder of a data set in place of your own examples (see 'gestures eval').")
  var data: String?

  @Option(help: "Seed of every choice: the same seed makes the same network.")
  var seed: UInt64 = 1

  @Option(help: "Draw how the loss went (PNG).")
  var plot: String?

  @Flag(inversion: .prefixedNo, help: "Try both ways on examples that they did not learn from.")
  var compare = true

  @OptionGroup var training: TrainingOptions
  @OptionGroup var options: GestureOptions
  @OptionGroup var models: ModelOptions

  func run() async throws {
    do {
      let examples = try data.map(GestureExamples.init(folder:)) ?? GestureExamples(store: options.store)
      guard !examples.list.isEmpty else {
        throw Failure(
          "there are no examples in \(options.store.folder): 'vrbridge gestures record NAME' makes some")
      }
      guard network else {
        print(
          "\(examples.list.count) examples of \(examples.names.count) gestures; recognition by example needs no training, and 'gestures eval' judges it. A network: --network"
        )
        return
      }
      try await trainNetwork(examples)
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(String(describing: error))
    }
  }

  private func trainNetwork(_ examples: GestureExamples) async throws {
    let proposal = compare && examples.names.count >= 2 ? try await tried(examples) : nil
    var all = examples.list.map { (name: $0.name, trace: $0.trace) }
    if data == nil { all += BuiltInGestures.all.filter { !examples.names.contains($0.name) } }
    let result = try training.trainer(seed: seed) { epoch in
      print(
        String(
          format: "epoch %d: loss %.3f, on what is not learned from %.3f, right %.1f %%", epoch.epoch,
          epoch.loss,
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
    let key = try models.signingKey()
    try attempt { () throws(RegistryError) in try registry.add(package, signedWith: key) }
    print("\(name) \(version): in \(registry.folder)/\(name)/\(version)")
    if let proposal { print(proposal) }
  }

  /// Both on examples that they did not learn from.
  private func tried(_ examples: GestureExamples) async throws -> GestureProposal? {
    guard let folds = try? examples.folds(limit: data == nil ? 5 : 3) else {
      print("no gesture has two examples, so neither way can be tried on what it did not learn")
      return nil
    }
    let trial = GestureTrial(folds: folds, seed: seed, isRejectionJudged: false)
    let nearest = trial.byExample()
    let learned = try await trial.byNetwork(
      training.trainer(seed: seed) { _ in }, engine: try models.settings().localEngine)
    for (title, answers) in [("the nearest example", nearest), ("a network", learned)] {
      let report = ClassificationReport(answers.pairs)
      print(
        String(
          format: "%@: %.1f %% of %d that it did not learn from are right, F1 %.3f", title,
          report.accuracy * 100, report.count, report.macro.f1))
    }
    return GestureProposal(examples: nearest, network: learned)
  }

  private func draw(_ history: [GestureTrainer.Epoch], _ path: String) throws {
    func curve(_ color: (Double, Double, Double), _ value: (GestureTrainer.Epoch) -> Double) -> LinePlot.Curve
    {
      LinePlot.Curve(name: "", color: color, points: history.map { (Double($0.epoch), value($0)) })
    }
    var plot = LinePlot(panels: [
      (
        "cross-entropy: learned from (blue), not learned from (red)",
        [curve(LinePlot.blue, \.loss), curve(LinePlot.red, \.validation)]
      ),
      ("share of right answers on what is not learned from", [curve(LinePlot.green, \.accuracy)]),
    ])
    plot.unit = "epochs"
    let best = history.min { $0.validation < $1.validation }
    plot.note = "\(training.optimiser.rawValue); epoch \(best?.epoch ?? 0) was kept"
    try plot.write(to: path)
    print("loss: \(path)")
  }
}
