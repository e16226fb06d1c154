import ArgumentParser
import Foundation
import Imaging
import Inference
import Perception

struct GesturesExplain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Show which moments of a movement its answer rests on.",
    discussion: """
      Stretches of the movement are straightened one after the other: where the answer suffers, the stretch mattered. \
      Which joints a held gesture rests on: 'vrbridge models explain gesture-classifier PICTURE'.
      """)

  @Argument(help: "An example: a file of 'gestures record', or GESTURE/N for one of yours.")
  var example: String

  @Flag(help: "Ask the network, not the nearest example.")
  var network = false

  @Option(help: "The picture (PNG): the way, red where it mattered.")
  var out = "movement.png"

  @OptionGroup var options: GestureOptions
  @OptionGroup var models: ModelOptions

  func run() async throws {
    do {
      let trace = try read()
      let (label, explanation) = network ? try await byNetwork(trace) : try await byExample(trace)
      try draw(trace, explanation, label)
      print("\(label): \(out)")
      if let stretch = explanation.mainStretch {
        let (start, end) = (trace.duration * stretch.lowerBound, trace.duration * stretch.upperBound)
        print(String(format: "it rests most on what lies between %.2f and %.2f s", start, end))
      }
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(String(describing: error))
    }
  }

  private func read() throws -> GestureTrace {
    let places = [example, "\(options.store.folder)/\(example).json", "\(options.store.folder)/\(example)"]
    for place in places {
      guard let data = FileManager.default.contents(atPath: place) else { continue }
      guard let trace = try? JSONDecoder().decode(GestureTrace.self, from: data), trace.points.count >= 3
      else {
        throw Failure("\(place) is no example of a movement")
      }
      return trace
    }
    throw Failure("there is no example \(example); 'vrbridge gestures list' shows yours, the first is NAME/1")
  }

  private func byExample(_ trace: GestureTrace) async throws -> (String, MovementExplanation) {
    // An example of one's own is like itself whatever is done to it.
    let model = GestureModel(
      options.store.model(withBuiltIn: true).templates.filter { $0.trace != trace }.map {
        (name: $0.name, trace: $0.trace)
      })
    guard let match = model.classify(trace) else { throw Failure("the movement does not move") }
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
    guard let best = try await shares(trace).first else { throw Failure("the movement does not move") }
    let explanation = try await MovementExplanation.explain(trace) { changed throws(InferenceError) in
      try await shares(changed).first { $0.label == best.label }?.share ?? 0
    }
    return (best.label, explanation)
  }

  private func draw(_ trace: GestureTrace, _ explanation: MovementExplanation, _ label: String) throws {
    let cairo = try Cairo(width: 800, height: 800)
    cairo.color(1, 1, 1)
    cairo.fill(x: 0, y: 0, width: cairo.width, height: cairo.height)
    let (xs, ys) = (trace.points.map(\.x), trace.points.map(\.y))
    let (left, right, low, high) = (xs.min() ?? 0, xs.max() ?? 0, ys.min() ?? 0, ys.max() ?? 0)
    let scale = 660 / max(right - left, high - low, 1e-9)
    let places = trace.points.map { point in
      (x: 400 + (point.x - (left + right) / 2) * scale, y: 400 - (point.y - (low + high) / 2) * scale)
    }
    for index in 1..<places.count {
      let value = explanation.values[index]
      cairo.color(0.15 + 0.75 * value, 0.3 * (1 - value), 0.85 * (1 - value))
      cairo.lineWidth(2 + 6 * value)
      cairo.line([places[index - 1], places[index]])
    }
    cairo.color(0, 0, 0)
    cairo.fill(x: places[0].x - 5, y: places[0].y - 5, width: 10, height: 10)
    cairo.text(
      "\(label); from the square on; red and thick: what the answer rests on", x: 20, y: 780, size: 14)
    try cairo.write(to: out)
  }
}
