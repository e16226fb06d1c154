import Foundation
import Inference
import Perception

/// Trains a network on movements with PyTorch (`models/train_gestures.py`), which only those need who train.
struct GestureTrainer {
  enum Optimiser: String, CaseIterable {
    case sgd, momentum, adagrad, rmsprop, adam

    /// Steps that suit this network.
    var usualRate: Double {
      switch self {
      case .sgd: 0.1
      case .momentum: 0.02
      case .adagrad: 0.01
      case .rmsprop, .adam: 0.002
      }
    }
  }

  var python = "python3"
  var optimiser = Optimiser.adam
  var rate: Double?
  var epochs = 60
  /// Epochs without a better validation loss that end it.
  var patience = 8
  var batch = 64
  var seed: UInt64 = 1
  /// Told of each epoch.
  var onEpoch: (Epoch) -> Void = { _ in }

  struct Epoch: Codable {
    var epoch: Int
    /// Cross-entropy on what is learned from.
    var loss: Double
    /// And on examples that are not.
    var validation: Double
    var accuracy: Double
  }

  struct Result {
    /// ONNX.
    var network: [UInt8]
    /// In the order of the network's outputs; the first is `none`.
    var labels: [String]
    var history: [Epoch]
  }

  /// Rows a gesture and rows in all, with what is varied: more take longer and change little.
  private static let rowsPerGesture = 160
  private static let maximumRows = 12_000
  /// Rows of no gesture for each row of one.
  private static let strangeShare = 0.5
  /// Examples a gesture that movements of none are compared with.
  private static let comparedExamples = 3
  /// One in so many examples is for validation.
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

  func train(_ examples: [(name: String, trace: GestureTrace)]) throws -> Result {
    let groups = Dictionary(grouping: examples, by: \.name)
    guard groups.count >= 2 else { throw Failure("a network tells gestures apart: it needs two at least") }
    guard groups[GestureNetwork.noGesture] == nil else {
      throw Failure(
        "'\(GestureNetwork.noGesture)' is what a network calls no gesture: give yours another name")
    }
    let labels = [GestureNetwork.noGesture] + groups.keys.sorted()
    // What is unlike some examples of each gesture is unlike it; a data set has hundreds.
    let some = GestureModel(
      labels.flatMap { (groups[$0] ?? []).prefix(Self.comparedExamples) })
    let (learned, judged) = rows(groups, labels, some)
    guard learned.count > 0, judged.count > 0 else { throw Failure("none of the examples moves") }

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
    let tool = PythonTool(python: python, script: "train_gestures.py")
    let fault = try tool.run([folder.path], in: folder) { line in
      if let epoch = try? JSONDecoder().decode(Epoch.self, from: line) { onEpoch(epoch) }
    }
    if let fault { throw Failure("\(python) could not train the network:\n\(fault)") }
    let network = try Data(contentsOf: folder.file("network.onnx"))
    let history = try JSONDecoder().decode(
      [Epoch].self, from: try Data(contentsOf: folder.file("history.json")))
    return Result(network: Array(network), labels: labels, history: history)
  }

  /// What is learned from, and what is judged in between.
  private func rows(
    _ groups: [String: [(name: String, trace: GestureTrace)]], _ labels: [String], _ model: GestureModel
  ) -> (learned: Rows, judged: Rows) {
    var (learned, judged) = (Rows(), Rows())
    var variations = GestureVariations(seed: seed)
    let most = min(Self.rowsPerGesture, Self.maximumRows / groups.count)
    for (label, name) in labels.enumerated().dropFirst() {
      let traces = (groups[name] ?? []).map(\.trace)
      // Of few examples all are learned from, and other variations of them judged.
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
