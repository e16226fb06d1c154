import ArgumentParser
import CommandSupport
import Evaluation
import Foundation
import Imaging
import Inference
import Perception

struct GesturesExplain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Show the parts of a movement that determine its recognition.",
    discussion: discussion(
      """
      Stretches of the movement are straightened in turn; where the score falls, it depends on the stretch. For the joints \
      of a held gesture: 'vrbridge models explain gesture-classifier IMAGE'.
      """,
      examples: "vrbridge gestures explain circle/1 --out circle.png"))

  @Argument(
    help: ArgumentHelp(
      "Example: GESTURE/NUMBER of yours, or a file of 'gestures record'.", valueName: "example"),
    completion: .file())
  var example: String

  @Flag(help: "Explain the network instead of the nearest example.")
  var network = false

  @Option(
    help: ArgumentHelp(
      "Write the path to this PNG file, red where the score depends on it.", valueName: "file"),
    completion: .file())
  var out = "movement.png"

  @OptionGroup var options: GestureOptions
  @OptionGroup var models: ModelOptions

  func run() async throws {
    let trace = try read()
    let (label, explanation) = network ? try await byNetwork(trace) : try await byExample(trace)
    try PathPlot(
      points: trace.points.map { ($0.x, $0.y) }, weights: explanation.values,
      note: "\(label); the square is the start; red and thick: decisive for the answer"
    ).write(to: out)
    print("\(label): \(out)")
    if let stretch = explanation.mainStretch {
      let (start, end) = (trace.duration * stretch.lowerBound, trace.duration * stretch.upperBound)
      print(String(format: "decisive: between %.2f and %.2f s", start, end))
    }
  }

  private func read() throws -> GestureTrace {
    let paths = [example, "\(options.store.folder)/\(example).json", "\(options.store.folder)/\(example)"]
    for path in paths {
      guard let data = FileManager.default.contents(atPath: path) else { continue }
      guard let trace = try? JSONDecoder().decode(GestureTrace.self, from: data), trace.points.count >= 3
      else { throw CommandError("gesture-file-invalid", "\(path) is no recorded movement") }
      return trace
    }
    throw CommandError(
      "unknown-example",
      "there is no example \(example); 'vrbridge gestures list' lists yours, the first is NAME/1")
  }

  private static let motionless = CommandError("no-movement", "the example contains no movement")

  private func byExample(_ trace: GestureTrace) async throws -> (String, MovementExplanation) {
    // Without the example itself, which would stay its own nearest neighbour.
    let model = GestureModel(
      options.store.model(withBuiltIn: true).templates.filter { $0.trace != trace }.map {
        (name: $0.name, trace: $0.trace)
      })
    guard let match = model.classify(trace) else { throw Self.motionless }
    let explanation = await MovementExplanation.explain(trace) { changed in
      -(model.distance(changed, to: match.name) ?? match.distance)
    }
    return (match.name, explanation)
  }

  private func byNetwork(_ trace: GestureTrace) async throws -> (String, MovementExplanation) {
    let host = try models.host()
    let model = try await host.model(GestureNetwork.model)
    func shares(_ trace: GestureTrace) async throws(InferenceError) -> [GestureNetwork.Score] {
      try await GestureNetwork.scores(trace, model, host: host)
    }
    guard let best = try await shares(trace).first else { throw Self.motionless }
    let explanation = try await MovementExplanation.explain(trace) { changed throws(InferenceError) in
      try await shares(changed).first { $0.label == best.label }?.share ?? 0
    }
    return (best.label, explanation)
  }
}
