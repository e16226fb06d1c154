import ArgumentParser
import Bridge
import Foundation
import Inference
import Perception

struct TrainingOptions: ParsableArguments {
  @Option(help: "How the network learns: sgd, momentum, adagrad, rmsprop or adam.")
  var optimiser = GestureTrainer.Optimiser.adam

  @Option(help: "Size of its steps; what suits the optimiser when not given.")
  var rate: Double?

  @Option(help: "Times that it sees every example, at most.")
  var epochs = 60

  @Option(help: "Times without getting better after which it ends.")
  var patience = 8

  @Option(help: "A Python with PyTorch and onnx (Debian's python3-torch and python3-onnx).")
  var python = "python3"

  func validate() throws {
    guard (1...10_000).contains(epochs), patience > 0, rate.map({ $0 > 0 && $0.isFinite }) ?? true else {
      throw ValidationError("--epochs is 1 to 10000, --patience and --rate are more than 0")
    }
  }

  func trainer(seed: UInt64, onEpoch: @escaping (GestureTrainer.Epoch) -> Void) -> GestureTrainer {
    GestureTrainer(
      python: python, optimiser: optimiser, rate: rate, epochs: epochs, patience: patience, seed: seed,
      onEpoch: onEpoch)
  }
}

extension GestureTrainer.Optimiser: ExpressibleByArgument {}

struct GesturesEval: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Tell how well gestures are told apart: accuracy, precision, recall, F1, confusion.",
    discussion: """
      Without --data your own examples are judged, each by the others. With --data a folder of files \
      PERSON_GESTURE.htk (6DMG's air-written words) or PERSON_GESTURE.json: each person's are judged by templates \
      of others, --templates of each gesture. With --network a network that learns from all of theirs is judged \
      beside them, and the better is proposed. With --motion nothing is a gesture: what is taken for one in a session of \
      yours, or in BROAD's trials, is counted.
      """)

  @Option(help: "Folder of a data set.")
  var data: String?

  @Option(help: "Templates a gesture, with --data and without --network; 0 for all.")
  var templates = 2

  @Flag(help: "Judge a network too.")
  var network = false

  @Option(help: "Parts that are judged by the rest; a part a person with --data, else 5, when not given.")
  var folds: Int?

  @Option(help: ArgumentHelp("Ordinary motion: a session, or a folder of BROAD's trials.", valueName: "path"))
  var motion: String?

  @Option(help: "Seed of every choice.")
  var seed: UInt64 = 1

  @Option(help: "Write the confusion matrix as a picture (PNG).")
  var plot: String?

  @Flag(help: "JSON.")
  var json = false

  @OptionGroup var training: TrainingOptions
  @OptionGroup var options: GestureOptions
  @OptionGroup var models: ModelOptions

  func validate() throws {
    guard folds.map({ $0 >= 2 }) ?? true, templates >= 0 else {
      throw ValidationError("--folds is 2 or more, --templates 0 or more")
    }
  }

  func run() async throws {
    do {
      if let motion { return try GestureAlarms(model: options.store.model(withBuiltIn: true)).report(motion) }
      let examples = try data.map(GestureExamples.init(folder:)) ?? GestureExamples(store: options.store)
      guard examples.list.count >= 2 else {
        throw Failure(
          "there are \(examples.list.count) examples in \(options.store.folder); record some first")
      }
      var trial = GestureTrial(folds: try examples.folds(limit: folds))
      // Both learn from the same where both are judged.
      trial.templates = data == nil || templates == 0 || network ? nil : templates
      trial.seed = seed
      trial.isRejectionJudged = examples.names.count >= 4
      let nearest = trial.byExample()
      try report(nearest, network ? "by example" : "")
      guard network else { return }
      let progress = Terminal.isInteractive
      let trainer = training.trainer(seed: seed) { epoch in
        guard progress else { return }
        FileHandle.standardError.write(
          Data(String(format: "\repoch %d: loss %.3f  ", epoch.epoch, epoch.validation).utf8))
      }
      let learned = try await trial.byNetwork(trainer, engine: try models.settings().localEngine)
      if progress { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
      try report(learned, "by a network")
      if !json { print(GestureProposal(examples: nearest, network: learned)) }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(String(describing: error))
    }
  }

  private func report(_ answers: GestureTrial.Answers, _ title: String) throws {
    let report = ClassificationReport(answers.pairs)
    var extra: [(String, Double)] = []
    if answers.known.count > 0, answers.strange.count > 0 {
      extra = [
        ("known gestures rejected", 1 - Double(answers.known.taken) / Double(answers.known.count)),
        (
          "unknown gestures taken for a known one",
          Double(answers.strange.taken) / Double(answers.strange.count)
        ),
      ]
    }
    if json { printJSON(report, title, extra) } else { printText(report, title, extra) }
    guard let plot else { return }
    let path = title.hasSuffix("network") ? plot.replacing(/\.png$/, with: "-network.png") : plot
    try ConfusionPlot.write(report, to: path)
  }

  private func printText(_ report: ClassificationReport, _ title: String, _ extra: [(String, Double)]) {
    let macro = report.macro
    print(
      (title.isEmpty ? "" : title + ": ")
        + String(
          format: "%d examples of %d gestures: accuracy %.1f %%, precision %.3f, recall %.3f, F1 %.3f",
          report.count, report.labels.count, report.accuracy * 100, macro.precision, macro.recall, macro.f1))
    for (name, value) in extra { print(String(format: "  %@: %.1f %%", name, value * 100)) }
    for (index, label) in report.labels.enumerated() where report.labels.count <= 20 {
      let figures = report.figures(index)
      print(
        "  " + Terminal.pad(label, 26)
          + String(
            format: "precision %.2f  recall %.2f  F1 %.2f  of %d", figures.precision, figures.recall,
            figures.f1, figures.support))
    }
  }

  private func printJSON(_ report: ClassificationReport, _ title: String, _ extra: [(String, Double)]) {
    let macro = report.macro
    let labels = report.labels.map(PoseLine.quoted).joined(separator: ",")
    let rows = report.confusion.map { "[" + $0.map(String.init).joined(separator: ",") + "]" }.joined(
      separator: ",")
    let more = extra.map { ",\(PoseLine.quoted($0.0)):\($0.1)" }.joined()
    let learner = title.isEmpty ? "" : "\"learner\":\(PoseLine.quoted(title)),"
    print(
      "{\(learner)\"examples\":\(report.count),\"accuracy\":\(report.accuracy),\"precision\":\(macro.precision),\"recall\":\(macro.recall),\"f1\":\(macro.f1)\(more),\"labels\":[\(labels)],\"confusion\":[\(rows)]}"
    )
  }
}

/// Which of the two a user should take.
struct GestureProposal: CustomStringConvertible {
  /// Whether the network is clearly the better: by more than chance moves one example.
  let isNetwork: Bool
  let description: String

  init(examples: GestureTrial.Answers, network: GestureTrial.Answers) {
    let (left, right) = (ClassificationReport(examples.pairs), ClassificationReport(network.pairs))
    isNetwork = right.accuracy > left.accuracy + 1 / Double(max(1, left.count))
    description =
      isNetwork
      ? "the network does better: 'perception: {movements: network}' in the configuration makes a bridge use it"
      : "the network does no better than the nearest example, which needs no training: leave 'movements: examples'"
  }
}
