import ArgumentParser
import CommandSupport
import Evaluation

struct GesturesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gestures",
    abstract: "Train, evaluate and explain the recognition of gestures.",
    discussion: discussion(examples: "vrbridge gestures eval", "vrbridge gestures train --network"),
    subcommands: [GesturesTrain.self, GesturesEval.self, GesturesExplain.self])
}

struct TrainingOptions: ParsableArguments {
  @Option(help: "Train with this optimiser: sgd, momentum, adagrad, rmsprop or adam.")
  var optimiser = GestureTrainer.Optimiser.adam

  @Option(
    help: ArgumentHelp(
      "Use this learning rate, above 0 (default: 0.1 for sgd, 0.02 momentum, 0.01 adagrad, 0.002 rmsprop and adam).",
      valueName: "rate"))
  var rate: Double?

  @Option(help: "Train for at most this many epochs, 1 to 10000.")
  var epochs = 60

  @Option(help: "End training after this many epochs without improvement, 1 or more.")
  var patience = 8

  @Option(
    help: ArgumentHelp(
      "Run this Python, which has PyTorch and onnx (Debian: python3-torch, python3-onnx).",
      valueName: "program"), completion: .file())
  var python = "python3"

  func validate() throws {
    guard (1...10_000).contains(epochs), patience > 0, rate.map({ $0 > 0 && $0.isFinite }) ?? true else {
      throw ValidationError("--epochs is 1 to 10000, --patience and --rate are more than 0")
    }
  }

  func trainer(seed: UInt64, onEpoch: @escaping (GestureTrainer.Epoch) -> Void) -> GestureTrainer {
    var trainer = GestureTrainer(script: ScriptFolder.path("train_gestures.py"))
    trainer.python = python
    trainer.optimiser = optimiser
    trainer.rate = rate
    trainer.epochs = epochs
    trainer.patience = patience
    trainer.seed = seed
    trainer.onEpoch = onEpoch
    return trainer
  }
}

extension GestureTrainer.Optimiser: ExpressibleByArgument {}
