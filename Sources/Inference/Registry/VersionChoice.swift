import Foundation

/// The version of a model that serves requests: the pinned one or the newest, and a canary for a share of the requests.
///
/// The file `selection.json` beside the versions.
public struct VersionChoice: Codable, Sendable, Equatable {
  public struct Canary: Codable, Sendable, Equatable {
    public var version: String
    /// 0 to 1.
    public var share: Double
  }

  public var pinned: String?
  public var canary: Canary?
  /// Versions that served before, the latest last; `rollback` returns to them.
  public var earlier: [String] = []

  public init() {}

  public static let fileName = "selection.json"

  /// - Parameter draw: a random number from 0 to 1 for the request.
  public func version(among versions: [String], draw: Double) -> String? {
    if let canary, versions.contains(canary.version), draw < canary.share { return canary.version }
    if let pinned { return versions.contains(pinned) ? pinned : nil }
    // The canary serves its share only, even when it is the newest.
    return versions.last { $0 != canary?.version } ?? versions.last
  }
}

extension ModelRegistry {
  public func choice(of name: String) -> VersionChoice {
    let path = "\(folder)/\(name)/\(VersionChoice.fileName)"
    guard ModelManifest.isName(name), let data = FileManager.default.contents(atPath: path) else {
      return VersionChoice()
    }
    return (try? JSONDecoder().decode(VersionChoice.self, from: data)) ?? VersionChoice()
  }

  /// - Parameter version: nil for the newest at any time.
  public func pin(_ name: String, _ version: String?, canaryShare: Double? = nil) throws(RegistryError) {
    let versions = versions(of: name)
    if let version, !versions.contains(version) {
      throw RegistryError(
        .notFound,
        "the model '\(name)' has no version \(version); available: \(versions.isEmpty ? "none" : versions.joined(separator: ", "))"
      )
    }
    guard !versions.isEmpty else {
      throw RegistryError(.notFound, "the model '\(name)' is not in \(folder)")
    }
    var choice = choice(of: name)
    if let canaryShare, let version {
      choice.canary =
        canaryShare > 0 ? VersionChoice.Canary(version: version, share: min(canaryShare, 1)) : nil
    } else {
      let inForce = choice.version(among: versions, draw: 1)
      if let inForce, inForce != version { choice.earlier = Array((choice.earlier + [inForce]).suffix(16)) }
      choice.pinned = version
      if choice.canary?.version == version { choice.canary = nil }
    }
    try save(choice, of: name)
  }

  /// Returns to the version that served before.
  ///
  /// - Returns: the version that serves now.
  public func rollBack(_ name: String) throws(RegistryError) -> String {
    let versions = versions(of: name)
    var choice = choice(of: name)
    var back: String?
    while back == nil, let candidate = choice.earlier.popLast() {
      if versions.contains(candidate) { back = candidate }
    }
    if back == nil, let inForce = choice.version(among: versions, draw: 1),
      let index = versions.firstIndex(of: inForce), index > 0
    {
      back = versions[index - 1]
    }
    guard let back else { throw RegistryError(.notFound, "the model '\(name)' has no earlier version") }
    choice.pinned = back
    choice.canary = nil
    try save(choice, of: name)
    return back
  }

  private func save(_ choice: VersionChoice, of name: String) throws(RegistryError) {
    let path = "\(folder)/\(name)/\(VersionChoice.fileName)"
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    do {
      try encoder.encode(choice).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw RegistryError(.writeFailed, "\(path) cannot be written: \(error.localizedDescription)")
    }
  }
}
