import Foundation
import Inference
import Perception
import Spatial
import Synchronization

/// What the two ways of telling movements apart make of examples that they did not learn from.
struct GestureTrial {
  typealias Named = (name: String, trace: GestureTrace)

  struct Answers {
    var pairs: [(truth: String, answer: String)] = []
    /// Of gestures that were taught, and of such that were not: how many there were, and how many were taken for one.
    var known = (count: 0, taken: 0)
    var strange = (count: 0, taken: 0)

    static func + (left: Answers, right: Answers) -> Answers {
      Answers(
        pairs: left.pairs + right.pairs,
        known: (left.known.count + right.known.count, left.known.taken + right.known.taken),
        strange: (left.strange.count + right.strange.count, left.strange.taken + right.strange.taken))
    }

    mutating func count(isTaken: Bool, isStrange: Bool) {
      if isStrange {
        strange.count += 1
        strange.taken += isTaken ? 1 : 0
      } else {
        known.count += 1
        known.taken += isTaken ? 1 : 0
      }
    }
  }

  var folds: [[GestureExamples.Example]]
  /// Examples a gesture that are templates, chosen by `seed`; all when nil.
  var templates: Int?
  var seed: UInt64 = 1
  /// Whether rejection is judged too: by such as know every second gesture only.
  var isRejectionJudged = true

  private func learned(without fold: Int) -> [Named] {
    var random = SeededRandom(seed: seed &+ UInt64(fold))
    let others = Dictionary(
      grouping: folds.enumerated().filter { $0.offset != fold }.flatMap(\.element), by: \.name)
    return others.keys.sorted().flatMap { name -> [Named] in
      var list = others[name] ?? []
      if let templates { list = Array(list.shuffled(using: &random).prefix(templates)) }
      return list.map { (name, $0.trace) }
    }
  }

  private func half(_ examples: [Named]) -> [Named] {
    let names = Set(examples.map(\.name)).sorted()
    let kept = Set(names.enumerated().filter { $0.offset % 2 == 0 }.map(\.element))
    return examples.filter { kept.contains($0.name) }
  }

  /// By the nearest example.
  func byExample() -> Answers {
    let lock = Mutex<[Int: Answers]>([:])
    DispatchQueue.concurrentPerform(iterations: folds.count) { fold in
      let examples = learned(without: fold)
      let model = GestureModel(examples)
      let partial = isRejectionJudged ? GestureModel(half(examples)) : nil
      var answers = Answers()
      for example in folds[fold] {
        answers.pairs.append(
          (example.name, model.classify(example.trace)?.name ?? GestureNetwork.noGesture))
        guard let partial else { continue }
        answers.count(
          isTaken: partial.recognise(example.trace) != nil, isStrange: !partial.names.contains(example.name))
      }
      let found = answers
      lock.withLock { $0[fold] = found }
    }
    let all = lock.withLock { $0 }
    return all.keys.sorted().compactMap { all[$0] }.reduce(Answers(), +)
  }

  /// By a network, trained anew for each fold.
  func byNetwork(_ trainer: GestureTrainer, engine: any InferenceEngine) async throws -> Answers {
    var answers = Answers()
    for fold in folds.indices {
      let examples = learned(without: fold)
      let model = try await open(try trainer.train(examples), engine)
      let known = half(examples)
      let partial = isRejectionJudged ? try await open(try trainer.train(known), engine) : nil
      let nearby = GestureModel(known)
      for example in folds[fold] {
        let scores = try await shares(example.trace, model)
        // As the examples are asked: which gesture, when it is one.
        let best = scores.first { $0.label != GestureNetwork.noGesture }
        answers.pairs.append((example.name, best?.label ?? GestureNetwork.noGesture))
        guard let partial else { continue }
        let taken = GestureNetwork.accepted(try await shares(example.trace, partial))
        answers.count(
          isTaken: taken.map { nearby.admits(example.trace, as: $0.label) } ?? false,
          isStrange: !partial.labels.contains(example.name))
      }
    }
    return answers
  }

  private struct Opened {
    var session: any ModelSession
    var labels: [String]
  }

  private func open(_ result: GestureTrainer.Result, _ engine: any InferenceEngine) async throws -> Opened {
    let manifest = ModelManifest(name: GestureNetwork.model, version: "trial", task: .gestureSequence)
    let package = ModelPackage(
      manifest: manifest, files: [ModelPackage.File(name: "network.onnx", bytes: result.network)])
    return Opened(session: try await engine.open(package, SessionOptions()), labels: result.labels)
  }

  private func shares(_ trace: GestureTrace, _ model: Opened) async throws -> [GestureNetwork.Score] {
    guard let input = GestureNetwork.input(trace) else { return [] }
    return try GestureNetwork.scores(try await model.session.infer([input]), labels: model.labels)
  }
}
