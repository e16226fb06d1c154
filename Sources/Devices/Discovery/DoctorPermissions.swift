import Foundation
import Glibc

/// Permissions that devices, cameras and microphones need, apart from a single device's.
extension Doctor {
  /// Folders of udev rules, by precedence (udev(7)): a file hides those of the same name in later folders.
  public static let ruleFolders = [
    "/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
  ]
  private static let ruleFile = "70-vrbridge.rules"

  /// The commands that install the rules. The program runs as the user, because root may not find it; the file is replaced
  /// only when it was written.
  static func rulesCommand(group: String? = nil) -> String {
    let option = group.map { " --group \($0)" } ?? ""
    return
      "vrbridge udev-rules\(option) > \(ruleFile) && sudo install -m 644 \(ruleFile) /etc/udev/rules.d/"
  }

  /// The commands by which rules take effect.
  static let rulesReload =
    "sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=hidraw --action=add"

  /// Whether udev rules give access to devices.
  public static func rules(folders: [String] = ruleFolders) -> Finding {
    let subject = "udev rules"
    let fix = rulesCommand() + "\n" + rulesReload
    let path = folders.map { $0 + "/" + ruleFile }.first { access($0, F_OK) == 0 }
    guard let path else {
      return Finding(
        subject: subject, status: .absent, detail: "not installed; only root can open devices", fix: fix)
    }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      return Finding(subject: subject, status: .problem, detail: "\(path) can't be read", fix: fix)
    }
    let count = text.split(separator: "\n").count { $0.contains("uaccess") }
    guard count > 0 else {
      return Finding(
        subject: subject, status: .problem,
        detail: "\(path) has no rule, and hides a file of this name in other folders", fix: fix)
    }
    return Finding(subject: subject, status: .fine, detail: "\(count) in \(path)")
  }

  /// Cameras and sound devices that this user cannot open.
  public static func media(folder: String = "/dev") -> [Finding] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let cameras = names.filter { $0.hasPrefix("video") && Int($0.dropFirst(5)) != nil }
    let sounds = ((try? FileManager.default.contentsOfDirectory(atPath: folder + "/snd")) ?? [])
      .filter { $0.hasPrefix("pcm") && $0.hasSuffix("c") }.map { "snd/" + $0 }
    return [("cameras", "video", cameras), ("microphones", "audio", sounds)].compactMap {
      subject, group, nodes in
      let closed = nodes.filter { access(folder + "/" + $0, R_OK | W_OK) != 0 }.sorted()
      guard let first = closed.first else {
        return nodes.isEmpty
          ? nil : Finding(subject: subject, status: .fine, detail: "\(nodes.count) device nodes, permitted")
      }
      return Finding(
        subject: subject, status: .absent, detail: "no permission for \(folder)/\(first)",
        fix: "sudo usermod --append --groups \(group) $USER   # then log in again")
    }
  }
}
