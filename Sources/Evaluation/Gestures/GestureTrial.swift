import Foundation
import Inference
import Perception
import Spatial
import Synchronization

/// Cross-validates the two methods of gesture recognition: nearest example and network.
package struct GestureTrial {
  package typealias Named = (name: String, trace: GestureTrace)

  package struct Answers {
    package var pairs: [(truth: String, answer: String)] = []
    /// Examples of known and of unknown gestures: how many there were, and how many were recognised as a gesture.
    package var known = (count: 0, taken: 0)
    package var strange = (count: 0, taken: 0)

    /// Share of examples of known gestures that were rejected; nil when rejection was not measured.
    package var knownRejected: Double? {
      known.count > 0 && strange.count > 0 ? 1 - Double(known.taken) / Double(known.count) : nil
    }
    /// Share of examples of unknown gestures that were recognised as a known one.
    package var unknownAccepted: Double? {
      known.count > 0 && strange.count > 0 ? Double(strange.taken) / Double(strange.count) : nil
    }

    package static func + (left: Answers, right: Answers) -> Answers {
      Answers(
        pairs: left.pairs + right.pairs,
        known: (left.known.count + right.known.count, left.known.taken + right.known.taken),
        strange: (left.strange.count + right.strange.count, left.strange.taken + right.strange.taken))
    }

    package mutating func count(isTaken: Bool, isStrange: Bool) {
      if isStrange {
        strange.count += 1
        strange.taken += isTaken ? 1 : 0
      } else {
        known.count += 1
        known.taken += isTaken ? 1 : 0
      }
    }
  }

  package var folds: [[GestureExamples.Example]]
  /// Number of templates per gesture, chosen by `seed`; nil for all.
  package var templates: Int?
  package var seed: UInt64 = 1
  /// Whether rejection is measured too, by models that were taught every second gesture only.
  package var isRejectionJudged = true

  package init(folds: [[GestureExamples.Example]]) { self.folds = folds }

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

  /// Returns the answers of recognition by the nearest example.
  package func byExample() -> Answers {
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

  /// Returns the answers of networks, one trained for each fold.
  package func byNetwork(_ trainer: GestureTrainer, engine: any InferenceEngine) async throws -> Answers {
    var answers = Answers()
    for fold in folds.indices {
      let examples = learned(without: fold)
      let model = try await open(try trainer.train(examples), engine)
      let known = half(examples)
      let partial = isRejectionJudged ? try await open(try trainer.train(known), engine) : nil
      let nearby = GestureModel(known)
      for example in folds[fold] {
        let scores = try await shares(example.trace, model)
        // As for recognition by example: the most likely gesture.
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
