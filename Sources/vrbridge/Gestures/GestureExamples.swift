import Foundation
import Perception

/// Movements with names, of one person or of many.
struct GestureExamples {
  struct Example {
    /// Who made it; empty when it is not said.
    var person: String
    var name: String
    var trace: GestureTrace
  }

  var list: [Example]

  var names: [String] { Set(list.map(\.name)).sorted() }

  /// What a user recorded.
  init(store: GestureStore) {
    list = store.names.flatMap { name in
      store.examples(of: name).traces.map { Example(person: "", name: name, trace: $0) }
    }
  }

  /// A data set: files PERSON_GESTURE.htk (6DMG's air-written words) or PERSON_GESTURE.json.
  init(folder: String) throws {
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
      guard let trace else { throw Failure("\(folder)/\(file) can't be read") }
      list.append(Example(person: String(parts[0]), name: String(parts[1]), trace: trace))
    }
    guard !list.isEmpty else { throw Failure("\(folder) has no file PERSON_GESTURE.htk or .json") }
  }

  /// Parts of which each is judged by what the others teach: whole persons where there are any, else each gesture's
  /// examples dealt out.
  ///
  /// - Parameter limit: as many parts at most; nil for a part a person.
  func folds(limit: Int?) throws -> [[Example]] {
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
      throw Failure("no gesture has two examples: record some more, and one can be judged by the other")
    }
    return (0..<count).map { fold in
      groups.keys.sorted().flatMap { name in
        (groups[name] ?? []).enumerated().filter { $0.offset % count == fold }.map(\.element)
      }
    }
  }
}

/// Files of the Hidden Markov Model Toolkit as 6DMG writes them: a header of 12 bytes, then big-endian floats, the
/// first two of each row the place in a plane (Chen et al., "6DMG: A New 6D Motion Gesture Database", 2012).
enum HTKTrace {
  static func read(_ bytes: [UInt8]) -> GestureTrace? {
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
