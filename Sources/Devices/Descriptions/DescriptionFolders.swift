import Diagnostics
import Foundation
import Glibc
import StrictYAML

/// Folders of device descriptions. A later folder adds families, and its families replace those of the same name in earlier
/// folders.
public struct DescriptionFolders: Sendable, Equatable {
  /// The folder that is installed with the program.
  public var shipped: String
  /// The user's folder, which need not exist.
  public var own: String?
  /// A folder that an option, the environment or the configuration names, which has to exist.
  public var named: String?

  public init(shipped: String, own: String? = nil, named: String? = nil) {
    self.shipped = shipped
    self.own = own
    self.named = named
  }

  /// The folders in the order in which they are read.
  public var all: [String] { [shipped, own, named].compactMap { $0 } }

  /// `$XDG_CONFIG_HOME/vrbridge/devices`, else `~/.config/vrbridge/devices`; nil without a home.
  public static func ownFolder(environment: [String: String]) -> String? {
    if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") {
      return folder + "/vrbridge/devices"
    }
    return environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/.config/vrbridge/devices" : nil }
  }

  /// Reads the descriptions of all folders. Families of later folders come first: of two that match a device equally well, the
  /// user's own is used.
  ///
  /// - Returns: the families that are valid, and the errors of single files and of the user's folder.
  /// - Throws: when the shipped or the named folder cannot be read.
  public func load() throws -> (catalog: DeviceCatalog, faults: [DocumentError]) {
    var (catalog, faults) = try DeviceCatalog.load(folder: shipped)
    for folder in [own, named].compactMap({ $0 }) where !isSame(folder, shipped) {
      if folder == own, folder != named, access(folder, F_OK) != 0, [ENOENT, ENOTDIR].contains(errno) {
        continue
      }
      do {
        let added = try DeviceCatalog.load(folder: folder)
        catalog.add(added.catalog)
        faults += added.faults
      } catch {
        guard folder != named else { throw error }
        let cause = error.reason
        faults.append(
          DocumentError(
            file: folder,
            problem:
              "can't be read: \(cause.hasPrefix(folder + ": ") ? String(cause.dropFirst(folder.count + 2)) : cause); change its permissions, or remove it"
          ))
      }
    }
    return (catalog, faults)
  }

  /// Whether two paths are one folder, so that its files are not read twice.
  private func isSame(_ first: String, _ second: String) -> Bool {
    var (one, other) = (stat(), stat())
    return stat(first, &one) == 0 && stat(second, &other) == 0 && one.st_dev == other.st_dev
      && one.st_ino == other.st_ino
  }
}

extension DeviceCatalog {
  /// Puts families in front; they replace those of the same name.
  mutating func add(_ other: DeviceCatalog) {
    let families = Set(other.descriptions.map(\.family))
    descriptions = other.descriptions + descriptions.filter { !families.contains($0.family) }
  }
}
