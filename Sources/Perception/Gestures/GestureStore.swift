import Foundation

/// Gesture examples on disk: one movement in each file `FOLDER/NAME/N.json`.
public struct GestureStore: Sendable {
  public var folder: String

  public init(folder: String) { self.folder = folder }

  /// Returns the standard folder of examples.
  public static func folder(stateFolder: String) -> String { stateFolder + "/gestures" }

  /// Whether a name is valid: letters, digits, spaces, hyphens and underscores, because it names a folder.
  public static func isName(_ name: String) -> Bool {
    guard (1...40).contains(name.count), name == name.trimmingCharacters(in: .whitespaces) else {
      return false
    }
    return name.allSatisfy { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_" }
  }

  public var names: [String] {
    let list = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return list.filter { Self.isName($0) && !files(of: $0).isEmpty }.sorted()
  }

  private func files(of name: String) -> [String] {
    let list = (try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + name)) ?? []
    return list.filter { $0.hasSuffix(".json") }.sorted {
      $0.compare($1, options: .numeric) == .orderedAscending
    }
    .map { "\(folder)/\(name)/\($0)" }
  }

  /// The examples of a gesture, and the files that cannot be read.
  public func examples(of name: String) -> (traces: [GestureTrace], faults: [String]) {
    var traces: [GestureTrace] = []
    var faults: [String] = []
    for file in files(of: name) {
      guard let data = FileManager.default.contents(atPath: file), data.count < 1 << 22,
        let trace = try? JSONDecoder().decode(GestureTrace.self, from: data)
      else {
        faults.append(file)
        continue
      }
      traces.append(trace)
    }
    return (traces, faults)
  }

  public func add(_ trace: GestureTrace, to name: String) throws -> String {
    let folder = folder + "/" + name
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let numbers = files(of: name).compactMap { file in
      Int(URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent)
    }
    let file = "\(folder)/\((numbers.max() ?? 0) + 1).json"
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try encoder.encode(trace).write(to: URL(fileURLWithPath: file), options: .atomic)
    return file
  }

  public func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: folder + "/" + name)
  }

  /// A model of the recorded examples and, for other names, the built-in gestures.
  public func model(withBuiltIn: Bool) -> GestureModel {
    let recorded = names.flatMap { name in examples(of: name).traces.map { (name: name, trace: $0) } }
    let own = Set(recorded.map(\.name))
    return GestureModel(recorded + (withBuiltIn ? BuiltInGestures.all.filter { !own.contains($0.name) } : []))
  }
}
