import Devices
import Foundation
import Sensing
import Synchronization

/// Roles that people gave to devices, kept from one run of the bridge to the next.
///
/// A unit is known by its serial number; one without is known by where it is plugged in.
final class RoleStore: Sendable {
  private struct File: Codable {
    var format = "vrbridge-roles/1"
    /// Role by unit.
    var roles: [String: String]
  }

  private let path: String
  private let roles: Mutex<[String: DeviceRole]>
  /// Why an earlier file was not used; it is kept beside the new one.
  let warning: String?

  /// - Parameter folder: of the program's lasting state.
  init(folder: String) {
    path = folder + "/roles.json"
    var found: [String: DeviceRole] = [:]
    var warning: String?
    if let data = FileManager.default.contents(atPath: path) {
      if let file = try? JSONDecoder().decode(File.self, from: data), file.format == File(roles: [:]).format {
        for (unit, name) in file.roles { found[unit] = DeviceRole(name: name) }
      } else {
        let kept = path + ".unreadable"
        try? FileManager.default.removeItem(atPath: kept)
        try? FileManager.default.moveItem(atPath: path, toPath: kept)
        warning = "\(path) is no list of roles; it is kept as \(kept)"
      }
    }
    roles = Mutex(found)
    self.warning = warning
  }

  private static func unit(_ key: DeviceKey, serial: String) -> String {
    serial.isEmpty ? "\(key.family)@\(key.place)" : "\(key.family)/\(serial)"
  }

  func role(_ key: DeviceKey, serial: String) -> DeviceRole? {
    roles.withLock { $0[Self.unit(key, serial: serial)] }
  }

  /// - Throws: when it can't be written; it holds until the bridge ends all the same.
  func set(_ given: [(key: DeviceKey, serial: String, role: DeviceRole)]) throws {
    let all = roles.withLock { roles in
      for entry in given { roles[Self.unit(entry.key, serial: entry.serial)] = entry.role }
      return roles.mapValues(\.name)
    }
    let url = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // In one step: a bridge that is killed leaves the old list or the new one.
    try encoder.encode(File(roles: all)).write(to: url, options: .atomic)
  }
}
