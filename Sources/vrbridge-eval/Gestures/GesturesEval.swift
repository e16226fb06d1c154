import ArgumentParser
import Bridge
import CommandSupport
import Evaluation
import Foundation
import Imaging
import Inference
import Perception

struct GesturesEval: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Evaluate the recognition of gestures: accuracy, precision, recall, F1, confusion.",
    discussion: discussion(
      """
      Without --data, your own examples are cross-validated. --data takes a folder of files PERSON_GESTURE.htk \
      (6DMG's air-written words) or PERSON_GESTURE.json: the movements of each person are recognised with --templates \
      examples per gesture of the other persons. --network also evaluates a network that is trained on all examples of \
      the other persons, and proposes the better method. --motion counts false recognitions in motion without gestures.
      """,
      examples: "vrbridge gestures eval", "vrbridge gestures eval --motion session.mcap"))

  @Option(
    help: ArgumentHelp("Read a data set from this folder (default: your examples).", valueName: "folder"),
    completion: .directory)
  var data: String?

  @Option(help: "Use this many templates per gesture, with --data and without --network; 0 for all.")
  var templates = 2

  @Flag(help: "Evaluate a network too.")
  var network = false

  @Option(
    help: ArgumentHelp(
      "Cross-validate in this many folds, 2 or more (default: one per person with --data, else 5).",
      valueName: "count"))
  var folds: Int?

  @Option(
    help: ArgumentHelp(
      "Count false recognitions in ordinary motion: a session, or a folder of BROAD's trials (default: none).",
      valueName: "path"), completion: .file())
  var motion: String?

  @Option(help: "Seed random choices with this number.")
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp("Write the confusion matrix to this PNG file (default: none).", valueName: "file"))
  var plot: String?

  @Flag(help: "Print JSON, one object per method.")
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
    if let motion {
      return report(try FalsePositiveRate(model: options.store.model(withBuiltIn: true)).count(motion))
    }
    let examples = try data.map(GestureExamples.init(folder:)) ?? GestureExamples(store: options.store)
    guard examples.list.count >= 2 else {
      throw CommandError(
        "too-few-examples",
        "there are \(examples.list.count) examples in \(options.store.folder); record some with 'vrbridge gestures record NAME'"
      )
    }
    var trial = GestureTrial(folds: try examples.folds(limit: folds))
    // Both methods learn from the same examples when both are evaluated.
    trial.templates = data == nil || templates == 0 || network ? nil : templates
    trial.seed = seed
    trial.isRejectionJudged = examples.names.count >= 4
    let nearest = trial.byExample()
    try report(nearest, network ? "by example" : "")
    guard network else { return }
    let progress = Terminal.isInteractive
    let trainer = training.trainer(seed: seed) { epoch in
      guard progress else { return }
      Terminal.writeError(
        Terminal.restartLine + String(format: "epoch %d: loss %.3f  ", epoch.epoch, epoch.validation))
    }
    let learned = try await trial.byNetwork(trainer, engine: try models.settings().localEngine)
    if progress { Terminal.writeError(Terminal.restartLine) }
    try report(learned, "by a network")
    if !json { print(GestureProposal(examples: nearest, network: learned)) }
  }

  private func report(_ count: FalsePositiveRate.Count) {
    print(
      String(
        format: "%.1f minutes, %d movements, %d recognised as a gesture: %.2f a minute", count.seconds / 60,
        count.movements, count.recognised.values.reduce(0, +), count.perMinute))
    for (name, number) in count.recognised.sorted(by: { ($0.value, $1.key) > ($1.value, $0.key) }) {
      print("  " + Terminal.pad(name, 26) + "\(number)")
    }
  }

  private func report(_ answers: GestureTrial.Answers, _ title: String) throws {
    let report = ClassificationReport(answers.pairs)
    if json {
      print(JSONLine.text(Report(report, answers, learner: title)))
    } else {
      printText(report, answers, title)
    }
    guard let plot else { return }
    let path = title.hasSuffix("network") ? plot.replacing(/\.png$/, with: "-network.png") : plot
    try MatrixPlot(labels: report.labels, counts: report.confusion).write(to: path)
  }

  private func printText(
    _ report: ClassificationReport, _ answers: GestureTrial.Answers, _ title: String
  ) {
    let macro = report.macro
    print(
      (title.isEmpty ? "" : title + ": ")
        + String(
          format: "%d examples of %d gestures: accuracy %.1f %%, precision %.3f, recall %.3f, F1 %.3f",
          report.count, report.labels.count, report.accuracy * 100, macro.precision, macro.recall, macro.f1))
    if let rejected = answers.knownRejected, let accepted = answers.unknownAccepted {
      print(String(format: "  known gestures rejected: %.1f %%", rejected * 100))
      print(String(format: "  unknown gestures taken for a known one: %.1f %%", accepted * 100))
    }
    for (index, label) in report.labels.enumerated() where report.labels.count <= 20 {
      let scores = report.scores(of: index)
      print(
        "  " + Terminal.pad(label, 26)
          + String(
            format: "precision %.2f  recall %.2f  F1 %.2f  of %d", scores.precision, scores.recall,
            scores.f1, scores.support))
    }
  }

  private struct Report: Encodable {
    var learner: String?
    var examples: Int
    var accuracy: Double
    var precision: Double
    var recall: Double
    var f1: Double
    var knownRejected: Double?
    var unknownAccepted: Double?
    var labels: [String]
    var confusion: [[Int]]

    // The two keys with spaces are those of earlier versions.
    enum CodingKeys: String, CodingKey {
      case learner, examples, accuracy, precision, recall, f1, labels, confusion
      case knownRejected = "known gestures rejected"
      case unknownAccepted = "unknown gestures taken for a known one"
    }

    init(_ report: ClassificationReport, _ answers: GestureTrial.Answers, learner: String) {
      let macro = report.macro
      self.learner = learner.isEmpty ? nil : learner
      (examples, accuracy) = (report.count, report.accuracy)
      (precision, recall, f1) = (macro.precision, macro.recall, macro.f1)
      (knownRejected, unknownAccepted) = (answers.knownRejected, answers.unknownAccepted)
      (labels, confusion) = (report.labels, report.confusion)
    }
  }
}
