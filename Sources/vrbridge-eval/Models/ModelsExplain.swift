import ArgumentParser
import CommandSupport
import Evaluation
import Foundation
import Imaging
import Inference
import Perception

struct ModelsExplain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Show the parts of an image, or the joints of a hand, that determine a model's answer.",
    discussion: discussion(
      "Maps of classifiers and detectors are made with RISE; for gestures each joint is moved in turn.",
      examples: "vrbridge models explain object-detection cat.jpg --label cat --out map.png"))

  @Argument(help: "Model of the registry.", completion: .model)
  var name: String

  @Argument(help: "JPEG or PNG file.", completion: .file())
  var input: String

  @Option(help: ArgumentHelp("Write the overlay to this PNG file.", valueName: "file"), completion: .file())
  var out = "explanation.png"

  @Option(help: ArgumentHelp("Explain this label (default: the best answer).", valueName: "label"))
  var label: String?

  @Option(help: "Use this many masks, 10 to 100000; more are slower and smoother.")
  var masks = 400

  @OptionGroup var options: ModelOptions

  func run() async throws {
    guard (10...100_000).contains(masks) else { throw ValidationError("--masks is 10 to 100000") }
    let image = try PictureFile.read(input)
    let host = try options.host()
    let model = try await host.model(name)
    if [.gestureEmbedding, .gestureClassification].contains(model.manifest.task) {
      return try await explainGesture(image, host)
    }
    let map = try await SaliencyMap.explain(image, model, host: host, label: label, count: masks)
    try write(map, on: image)
    print("\(map.label): \(out)")
  }

  private func explainGesture(_ image: RGBImage, _ host: ModelHost) async throws {
    guard let answer = try await JointExplanation.explain(image, host: host, label: label) else {
      throw CommandError("no-hand", "there is no hand in \(input)")
    }
    try write(answer.map, on: image)
    print(String(format: "%@ (%.2f): %@", answer.label, answer.score, out))
    for joint in answer.joints.sorted(by: { $0.importance > $1.importance }).prefix(5) {
      print(String(format: "  %@: when moved, the score falls by %.2f", joint.name, joint.importance))
    }
  }

  private func write(_ map: SaliencyMap, on image: RGBImage) throws {
    let data = Data(try PNG.encode(map.overlay(on: image)))
    do { try data.write(to: URL(fileURLWithPath: out)) } catch {
      throw CommandError.unwritable(out, error)
    }
  }
}
