import Devices
import Foundation
import Sensing
import Synchronization

/// Roles that users assigned to devices, kept from one run of the bridge to the next.
///
/// A unit is identified by its serial number, one without, or with zeros, by its port.
package final class RoleStore: Sendable {
  private struct File: Codable {
    var format = "vrbridge-roles/1"
    /// Role by unit.
    var roles: [String: String]
  }

  private let path: String
  private let roles: Mutex<[String: DeviceRole]>
  /// Why an earlier file was not used; it is kept beside the new one. Nil when it was.
  package let warning: String?

  /// - Parameter folder: of the bridge's persistent state.
  package init(folder: String) {
    path = folder + "/roles.json"
    var found: [String: DeviceRole] = [:]
    var warning: String?
    var info = stat()
    if lstat(path, &info) == 0 {
      if let data = FileManager.default.contents(atPath: path),
        let file = try? JSONDecoder().decode(File.self, from: data), file.format == File(roles: [:]).format
      {
        for (unit, name) in file.roles { found[unit] = DeviceRole(name: name) }
      } else {
        let kept = path + ".unreadable"
        try? FileManager.default.removeItem(atPath: kept)
        try? FileManager.default.moveItem(atPath: path, toPath: kept)
        warning =
          "\(path) can't be read, or does not hold roles; it was renamed to \(kept), and roles start anew"
      }
    }
    roles = Mutex(found)
    self.warning = warning
  }

  private static func unit(_ key: DeviceKey, serial: String) -> String {
    !isIdentifying(serial) ? "\(key.family)@\(key.port)" : "\(key.family)/\(serial)"
  }

  func role(_ key: DeviceKey, serial: String) -> DeviceRole? {
    roles.withLock { $0[Self.unit(key, serial: serial)] }
  }

  /// Sets roles and writes the file.
  ///
  /// - Throws: when the file can't be written; the roles hold until the bridge ends.
  func set(_ assigned: [(key: DeviceKey, serial: String, role: DeviceRole)]) throws {
    let all = roles.withLock { roles in
      for entry in assigned { roles[Self.unit(entry.key, serial: entry.serial)] = entry.role }
      return roles.mapValues(\.name)
    }
    let url = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // Atomic: a bridge that is killed leaves the old file or the new one.
    try encoder.encode(File(roles: all)).write(to: url, options: .atomic)
  }
}
