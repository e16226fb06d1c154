import Diagnostics
import Foundation
import Glibc

/// Settings of BlueZ that refuse devices.
public enum BlueZSettings {
  public static let inputFile = "/etc/bluetooth/input.conf"

  /// Reads the text of `input.conf`; nil without such a file.
  ///
  /// - Throws: for a file that exists and can't be read: what it says is unknown.
  public static func text(of file: String = inputFile) throws(PairingError) -> String? {
    do { return try String(contentsOfFile: file, encoding: .utf8) } catch {
      if access(file, F_OK) != 0, errno == ENOENT || errno == ENOTDIR { return nil }
      let reason = error.reason.hasPrefix(file) ? error.reason : "\(file): \(error.reason)"
      throw PairingError(
        "bluetooth-settings-unreadable", "the settings of BlueZ can't be read: \(reason)",
        fix: "sudo chmod a+r \(file), or run the command with sudo")
    }
  }

  /// A PlayStation Move has no bond; since BlueZ 5.73 its input plugin refuses such devices by default
  /// (CVE-2023-45866).
  ///
  /// - Parameter text: of `input.conf`; nil without such a file.
  public static func refusesUnbonded(_ text: String?) -> Bool {
    var isGeneral = false
    for line in (text ?? "").split(whereSeparator: \.isNewline) {
      let line = line.trimmingCharacters(in: .whitespaces)
      if line.hasPrefix("[") { isGeneral = line == "[General]" }
      guard isGeneral, !line.hasPrefix("#") else { continue }
      let parts = line.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      if parts.count == 2, parts[0] == "ClassicBondedOnly" { return parts[1].lowercased() != "false" }
    }
    return true
  }

  public static let allowUnbonded =
    "add 'ClassicBondedOnly=false' below [General] in \(inputFile), then: sudo systemctl restart bluetooth"
}
