import Foundation
import Inference
import Perception

/// Trains a network on movements with PyTorch (`models/train_gestures.py`).
package struct GestureTrainer {
  package enum Optimiser: String, CaseIterable {
    case sgd, momentum, adagrad, rmsprop, adam

    /// Default learning rate for this network.
    package var usualRate: Double {
      switch self {
      case .sgd: 0.1
      case .momentum: 0.02
      case .adagrad: 0.01
      case .rmsprop, .adam: 0.002
      }
    }
  }

  /// An interpreter with PyTorch and onnx.
  package var python = "python3"
  /// Path of `train_gestures.py`.
  package var script: String
  package var optimiser = Optimiser.adam
  package var rate: Double?
  package var epochs = 60
  /// Epochs without a better validation loss after which training ends.
  package var patience = 8
  package var batch = 64
  package var seed: UInt64 = 1
  /// Called after each epoch.
  package var onEpoch: (Epoch) -> Void = { _ in }

  package init(script: String) { self.script = script }

  package struct Epoch: Codable {
    package var epoch: Int
    /// Cross-entropy on the training examples.
    package var loss: Double
    /// Cross-entropy on the validation examples.
    package var validation: Double
    package var accuracy: Double
  }

  package struct Result {
    /// ONNX.
    package var network: [UInt8]
    /// In the order of the network's outputs; the first is `none`.
    package var labels: [String]
    package var history: [Epoch]
  }

  /// Rows per gesture and rows in total, variations included: more take longer and change little.
  private static let rowsPerGesture = 160
  private static let maximumRows = 12_000
  /// Rows without a gesture for each row with one.
  private static let strangeShare = 0.5
  /// Examples per gesture that generated movements without a gesture are compared with.
  private static let comparedExamples = 3
  /// Every n-th example is held out for validation.
  private static let validationStride = 5

  private struct Plan: Encodable {
    var labels: [String]
    var validation: Int
    var optimiser: String
    var rate: Double
    var epochs: Int
    var patience: Int
    var batch: Int
    var seed: UInt64
    var threads: Int
  }

  private struct Rows {
    var features = Data()
    var classes = Data()
    var count = 0

    mutating func add(_ trace: GestureTrace, _ label: Int) {
      guard let row = GestureNetwork.features(trace) else { return }
      row.withUnsafeBytes { features.append(contentsOf: $0) }
      withUnsafeBytes(of: Int32(label).littleEndian) { classes.append(contentsOf: $0) }
      count += 1
    }
  }

  package func train(_ examples: [(name: String, trace: GestureTrace)]) throws -> Result {
    let groups = Dictionary(grouping: examples, by: \.name)
    guard groups.count >= 2 else {
      throw EvaluationError("too-few-gestures", "a network needs examples of two gestures at least")
    }
    guard groups[GestureNetwork.noGesture] == nil else {
      throw EvaluationError(
        "reserved-gesture-name",
        "'\(GestureNetwork.noGesture)' is the network's label for no gesture: give yours another name")
    }
    let labels = [GestureNetwork.noGesture] + groups.keys.sorted()
    // A few examples of each gesture suffice to reject similar movements; a data set has hundreds.
    let some = GestureModel(
      labels.flatMap { (groups[$0] ?? []).prefix(Self.comparedExamples) })
    let (learned, judged) = rows(groups, labels, some)
    guard learned.count > 0, judged.count > 0 else {
      throw EvaluationError("no-movement", "none of the examples contains a movement")
    }

    let folder = try TemporaryFolder("vrbridge-train")
    var features = learned.features
    features.append(judged.features)
    var classes = learned.classes
    classes.append(judged.classes)
    try features.write(to: folder.file("features.f32"))
    try classes.write(to: folder.file("classes.i32"))
    try JSONEncoder().encode(
      Plan(
        labels: labels, validation: judged.count, optimiser: optimiser.rawValue,
        rate: rate ?? optimiser.usualRate, epochs: epochs, patience: patience, batch: batch, seed: seed,
        threads: max(1, ProcessInfo.processInfo.activeProcessorCount / 2))
    ).write(to: folder.file("training.json"))
    let tool = PythonTool(python: python, script: script)
    let fault = try tool.run([folder.path], in: folder) { line in
      if let epoch = try? JSONDecoder().decode(Epoch.self, from: line) { onEpoch(epoch) }
    }
    if let fault {
      throw EvaluationError("training-failed", "\(python) could not train the network:\n\(fault)")
    }
    let network = try Data(contentsOf: folder.file("network.onnx"))
    let history = try JSONDecoder().decode(
      [Epoch].self, from: try Data(contentsOf: folder.file("history.json")))
    return Result(network: Array(network), labels: labels, history: history)
  }

  /// Returns the rows for training and those for validation.
  private func rows(
    _ groups: [String: [(name: String, trace: GestureTrace)]], _ labels: [String], _ model: GestureModel
  ) -> (learned: Rows, judged: Rows) {
    var (learned, judged) = (Rows(), Rows())
    var variations = GestureVariations(seed: seed)
    let most = min(Self.rowsPerGesture, Self.maximumRows / groups.count)
    for (label, name) in labels.enumerated().dropFirst() {
      let traces = (groups[name] ?? []).map(\.trace)
      // With few examples all are for training; other variations of them are for validation.
      let isMany = traces.count >= Self.validationStride
      let held = traces.indices.filter { isMany && $0 % Self.validationStride == Self.validationStride - 1 }
      let kept = traces.indices.filter { !held.contains($0) }
      for number in 0..<max(most, kept.count) {
        let trace = traces[kept[number % kept.count]]
        learned.add(number < kept.count ? trace : variations.vary(trace), label)
      }
      for number in 0..<max(held.count, most / 8) {
        let source = isMany ? held : kept
        let trace = traces[source[number % source.count]]
        judged.add(isMany && number < held.count ? trace : variations.vary(trace), label)
      }
    }
    for (count, isLearned) in [(learned.count, true), (judged.count, false)] {
      for _ in 0..<Int(Double(count) * Self.strangeShare) {
        guard let trace = variations.strange(to: model) else { continue }
        if isLearned { learned.add(trace, 0) } else { judged.add(trace, 0) }
      }
    }
    return (learned, judged)
  }
}
