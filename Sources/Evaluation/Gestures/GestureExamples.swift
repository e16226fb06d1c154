import Foundation
import Perception

/// Named movements of one person or of several.
package struct GestureExamples {
  package struct Example {
    /// The person who made it; empty when unknown.
    package var person: String
    package var name: String
    package var trace: GestureTrace
  }

  package var list: [Example]

  package var names: [String] { Set(list.map(\.name)).sorted() }

  /// Reads the examples that a user recorded.
  package init(store: GestureStore) {
    list = store.names.flatMap { name in
      store.examples(of: name).traces.map { Example(person: "", name: name, trace: $0) }
    }
  }

  /// Reads a data set: files PERSON_GESTURE.htk (6DMG's air-written words) or PERSON_GESTURE.json.
  package init(folder: String) throws {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    list = []
    for file in files.sorted() {
      let parts = file.split(separator: ".")[0].split(separator: "_", maxSplits: 1)
      guard parts.count == 2, let data = FileManager.default.contents(atPath: folder + "/" + file) else {
        continue
      }
      let trace: GestureTrace?
      if file.hasSuffix(".htk") {
        trace = HTKTrace.read(Array(data))
      } else if file.hasSuffix(".json") {
        trace = try? JSONDecoder().decode(GestureTrace.self, from: data)
      } else {
        continue
      }
      guard let trace else {
        throw EvaluationError("gesture-file-invalid", "\(folder)/\(file) is no recorded movement")
      }
      list.append(Example(person: String(parts[0]), name: String(parts[1]), trace: trace))
    }
    guard !list.isEmpty else {
      throw EvaluationError("data-set-empty", "\(folder) has no file PERSON_GESTURE.htk or .json")
    }
  }

  /// Returns the folds of a cross-validation: by person where there are several, else each gesture's examples in turn.
  ///
  /// - Parameter limit: the most folds; nil for one per person, or five.
  package func folds(limit: Int?) throws -> [[Example]] {
    let people = Set(list.map(\.person)).sorted()
    if people.count >= 2 {
      let count = min(people.count, limit ?? people.count)
      return (0..<count).map { fold in
        let those = Set(people.indices.filter { $0 % count == fold }.map { people[$0] })
        return list.filter { those.contains($0.person) }
      }
    }
    let groups = Dictionary(grouping: list, by: \.name)
    let count = min(groups.values.map(\.count).max() ?? 0, limit ?? 5)
    guard count >= 2 else {
      throw EvaluationError(
        "too-few-examples", "no gesture has two examples; record more with 'vrbridge gestures record'")
    }
    return (0..<count).map { fold in
      groups.keys.sorted().flatMap { name in
        (groups[name] ?? []).enumerated().filter { $0.offset % count == fold }.map(\.element)
      }
    }
  }
}

/// Files of the Hidden Markov Model Toolkit as 6DMG writes them: a header of 12 bytes, then big-endian floats, the
/// first two of each row the position in a plane (Chen et al., "6DMG: A New 6D Motion Gesture Database", 2012).
package enum HTKTrace {
  package static func read(_ bytes: [UInt8]) -> GestureTrace? {
    func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 << 8 | UInt32(bytes[at + $1]) } }
    guard bytes.count > 12 else { return nil }
    let (count, period) = (Int(word(0)), Double(word(4)) * 1e-7)
    let width = Int(bytes[8]) << 8 | Int(bytes[9])
    guard count > 0, count < 1_000_000, width >= 8, bytes.count == 12 + count * width else { return nil }
    return GestureTrace(
      points: (0..<count).map { row in
        let at = 12 + row * width
        return GestureTrace.Point(
          time: Double(row) * (period > 0 ? period : 0.01), x: Double(Float(bitPattern: word(at))),
          y: Double(Float(bitPattern: word(at + 4))), z: 0)
      })
  }
}
