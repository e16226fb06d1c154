import ArgumentParser
import Bridge
import Devices
import Foundation
import Inference
import Sensing

/// Values that the shell offers for arguments and options, beside files and folders.
extension CompletionKind {
  /// Files of sessions.
  package static var session: CompletionKind { .file(extensions: ["mcap"]) }

  /// Families of the device descriptions.
  package static var family: CompletionKind {
    .custom { _, _, _ in families() }
  }

  /// Families, and nodes of devices.
  package static var device: CompletionKind {
    .custom { _, _, _ in families() + nodes("hidraw") }
  }

  /// Cameras by node.
  package static var camera: CompletionKind {
    .custom { _, _, _ in ["auto"] + nodes("video") }
  }

  /// Names of the registry's models.
  package static var model: CompletionKind {
    .custom { _, _, _ in models() }
  }

  /// Versions of the model that the command line names.
  package static var modelVersion: CompletionKind {
    .custom { words, _, _ in versions(words) }
  }

  /// Versions of the model that the command line names, and the newest.
  package static var pinnedVersion: CompletionKind {
    .custom { words, _, _ in versions(words) + ["latest"] }
  }

  /// Names of the catalogue's models and libraries.
  package static var catalogued: CompletionKind {
    .custom { _, _, _ in
      let catalog = try? ModelSettings.catalog()
      return (catalog?.runtimes.map(\.name) ?? []) + (catalog?.entries.map(\.manifest.name) ?? [])
    }
  }

  /// Roles of devices.
  package static var role: CompletionKind { .list(DeviceRole.allCases.map(\.name)) }

  /// Groups of this machine.
  package static var group: CompletionKind { .shellCommand("getent group | cut -d: -f1") }

  private static func families() -> [String] {
    let catalog = try? Configuration().descriptionFolders.load().catalog
    return catalog?.descriptions.map(\.family).sorted() ?? []
  }

  private static func nodes(_ prefix: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev")) ?? []
    return names.filter { $0.hasPrefix(prefix) }.sorted().map { "/dev/" + $0 }
  }

  private static func models() -> [String] {
    guard let registry = try? ModelOptions.parse([]).registry() else { return [] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: registry.folder)) ?? []
    return names.filter { !registry.versions(of: $0).isEmpty }.sorted()
  }

  private static func versions(_ words: [String]) -> [String] {
    let named = words.filter(Set(models()).contains)
    guard let name = named.last, let registry = try? ModelOptions.parse([]).registry() else { return [] }
    return registry.versions(of: name)
  }
}
