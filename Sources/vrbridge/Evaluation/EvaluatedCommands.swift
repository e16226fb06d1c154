import ArgumentParser
import CommandSupport

struct BenchCommand: EvaluatedCommand {
  static let words = ["bench"]
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure accuracy on recordings with ground truth, and latency on this machine.",
    discussion: discussion(
      "Runs vrbridge-eval; 'vrbridge bench --help' lists measurements and options.",
      examples: "vrbridge bench --latency --seconds 30", "vrbridge bench clock"))

  @Argument(
    parsing: .captureForPassthrough, help: "Measurement and its options.",
    completion: .list(["clock", "position", "prediction", "speech", "tracking", "wake"]))
  var arguments: [String] = []
}

struct GesturesTrain: EvaluatedCommand {
  static let words = ["gestures", "train"]
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a network on your gestures and compare it with recognition by example.",
    discussion: discussion(
      "Runs vrbridge-eval; 'vrbridge gestures train --help' lists options.",
      examples: "vrbridge gestures train --network --plot loss.png"))

  @Argument(parsing: .captureForPassthrough, help: "Options.", completion: .file())
  var arguments: [String] = []
}

struct GesturesEval: EvaluatedCommand {
  static let words = ["gestures", "eval"]
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Evaluate the recognition of gestures: accuracy, precision, recall, F1, confusion.",
    discussion: discussion(
      "Runs vrbridge-eval; 'vrbridge gestures eval --help' lists options.",
      examples: "vrbridge gestures eval", "vrbridge gestures eval --motion session.mcap"))

  @Argument(parsing: .captureForPassthrough, help: "Options.", completion: .file())
  var arguments: [String] = []
}

struct GesturesExplain: EvaluatedCommand {
  static let words = ["gestures", "explain"]
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Show the parts of a movement that determine its recognition.",
    discussion: discussion(
      "Runs vrbridge-eval; 'vrbridge gestures explain --help' lists options.",
      examples: "vrbridge gestures explain circle/1 --out circle.png"))

  @Argument(parsing: .captureForPassthrough, help: "Example and options.", completion: .file())
  var arguments: [String] = []
}

struct ModelsEval: EvaluatedCommand {
  static let words = ["models", "eval"]
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Evaluate a model on images with ground truth.",
    discussion: discussion(
      "Runs vrbridge-eval; 'vrbridge models eval --help' lists options.",
      examples: "vrbridge models eval object-detection --data images"))

  @Argument(parsing: .captureForPassthrough, help: "Model and options.", completion: .model)
  var arguments: [String] = []
}

struct ModelsExplain: EvaluatedCommand {
  static let words = ["models", "explain"]
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Show the parts of an image, or the joints of a hand, that determine a model's answer.",
    discussion: discussion(
      "Runs vrbridge-eval; 'vrbridge models explain --help' lists options.",
      examples: "vrbridge models explain object-detection cat.jpg --label cat --out map.png"))

  @Argument(parsing: .captureForPassthrough, help: "Model, image and options.", completion: .model)
  var arguments: [String] = []
}

struct ModelsQuantise: EvaluatedCommand {
  static let words = ["models", "quantise"]
  static let configuration = CommandConfiguration(
    commandName: "quantise",
    abstract: "Make a faster 8-bit version of a model for images (NNCF).",
    discussion: discussion(
      "Runs vrbridge-eval; 'vrbridge models quantise --help' lists options.",
      examples: "vrbridge models quantise object-detection --data images"))

  @Argument(parsing: .captureForPassthrough, help: "Model and options.", completion: .model)
  var arguments: [String] = []
}
