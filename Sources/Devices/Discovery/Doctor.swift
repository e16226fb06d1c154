import Foundation
import Glibc
import Sensing

/// Looks for what keeps a device from being used.
public enum Doctor {
  public struct Finding: Sendable {
    public enum Status: String, Sendable { case fine, absent, problem }
    public var subject: String
    public var status: Status
    public var detail: String
    /// A command, or several lines of them.
    public var fix: String?

    public init(subject: String, status: Status, detail: String, fix: String? = nil) {
      self.subject = subject
      self.status = status
      self.detail = detail
      self.fix = fix
    }
  }

  public static func examine(catalog: DeviceCatalog) -> [Finding] {
    guard let udev = UdevMonitor() else {
      return [
        Finding(
          subject: "udev", status: .problem, detail: "libudev can't be used",
          fix: "systemctl status systemd-udevd")
      ]
    }
    var findings: [Finding] = []
    if udev.fileDescriptor < 0 {
      findings.append(
        Finding(
          subject: "udev", status: .problem,
          detail: "events can't be received: devices plugged in later go unnoticed"))
    }
    let nodes = udev.enumerate()
    let usb = usbDevices()
    for description in catalog.descriptions {
      var found = false
      for node in nodes {
        guard let match = catalog.match(node),
          match.description.family == description.family
        else { continue }
        found = true
        findings.append(contentsOf: examine(node, match))
      }
      // The device is on the bus, but the kernel made no hidraw node of it.
      let rules = description.parts.flatMap(\.match)
      for device in usb
      where rules.contains(where: { $0.vendor == device.vendor && $0.product == device.product }) {
        let isHidraw = nodes.contains {
          ($0.access == .hidraw || description.parts.contains { $0.usb != nil })
            && $0.identity.vendor == device.vendor && $0.identity.product == device.product
        }
        guard !isHidraw else { continue }
        found = true
        findings.append(
          Finding(
            subject: "\(description.name) (USB \(device.path))", status: .problem,
            detail: "is on the USB bus, but no hidraw node exists: its interface has no HID driver",
            fix:
              "sudo modprobe usbhid hidraw\necho \(device.path):1.0 | sudo tee /sys/bus/usb/drivers/usbhid/bind"
          ))
      }
      if !found {
        findings.append(Finding(subject: description.name, status: .absent, detail: "not attached"))
      }
    }
    return findings
  }

  /// Why a node can't be opened, in one line with the command that mends it.
  public static func obstacle(_ node: DeviceNode, code: Int32) -> String {
    switch code {
    case EACCES, EPERM:
      let finding = permission("", node)
      // On one line, without what is a comment for who reads several.
      let lines = finding.fix?.split(separator: "\n").map {
        $0.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
      }
      let command = lines?.joined(separator: " && ") ?? ""
      return "\(finding.detail); to fix it: \(command)"
    case EBUSY:
      let holders = holders(of: node.path).map { "\($0.name) (pid \($0.pid))" }
      return holders.isEmpty
        ? "another program holds \(node.path)" : "\(node.path) is held by \(holders.joined(separator: ", "))"
    default: return "\(node.path): \(errorText(code))"
    }
  }

  private static func examine(_ node: DeviceNode, _ match: DeviceCatalog.Match) -> [Finding] {
    let subject = "\(match.description.name), \(match.part.name) (\(node.path))"
    var findings: [Finding] = []
    let canOpen = access(node.path, R_OK | W_OK) == 0
    if !canOpen {
      let reason = errno
      if reason == EACCES {
        findings.append(permission(subject, node))
      } else {
        findings.append(
          Finding(subject: subject, status: .problem, detail: "can't be opened: \(errorText(reason))"))
      }
    }
    let holders = holders(of: node.path)
    let others = holders.filter { $0.name != "vrbridge" }
    func list(_ holders: [(pid: Int, name: String)]) -> String {
      holders.map { "\($0.name) (pid \($0.pid))" }.joined(separator: ", ")
    }
    if !others.isEmpty {
      findings.append(
        Finding(
          subject: subject, status: .problem,
          detail: "also held by \(list(others)), whose feature requests and output can disturb it",
          fix: "kill " + others.map { String($0.pid) }.joined(separator: " ")))
    } else if !holders.isEmpty {
      findings.append(
        Finding(subject: subject, status: .fine, detail: "held by the bridge, \(list(holders))"))
    }
    if findings.isEmpty {
      let driver = node.driver.isEmpty ? "no driver" : "driver \(node.driver)"
      findings.append(
        Finding(subject: subject, status: .fine, detail: "found, \(driver), permission \(mode(node.path))"))
    }
    return findings
  }

  private static func permission(_ subject: String, _ node: DeviceNode) -> Finding {
    let state = "no permission (\(mode(node.path)))"
    guard node.tags.contains("uaccess") else {
      return Finding(
        subject: subject, status: .problem,
        detail:
          "\(state); no udev rule lets you in; the missing rule is: \(UdevRules.line(for: node))",
        fix: rulesCommand() + "\n" + rulesReload)
    }
    return Finding(
      subject: subject, status: .problem,
      detail:
        "\(state); the udev rule lets in who sits at the machine, and you do not (ssh, a service): use a group",
      fix: """
        sudo groupadd --force vrbridge && sudo usermod --append --groups vrbridge $USER   # then log in again
        \(rulesCommand(group: "vrbridge"))
        \(rulesReload)
        """)
  }

  private static func mode(_ path: String) -> String {
    var info = stat()
    guard stat(path, &info) == 0 else { return "gone" }
    let octal = String(info.st_mode & 0o777, radix: 8)
    return "mode 0\(octal), owner \(info.st_uid):\(info.st_gid)"
  }

  /// Processes with the node open, as far as /proc shows them to this user.
  static func holders(of path: String) -> [(pid: Int, name: String)] {
    let manager = FileManager.default
    let own = Int(getpid())
    let processes = ((try? manager.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int($0) }
    return processes.sorted().compactMap { pid in
      guard pid != own else { return nil }
      let folder = "/proc/\(pid)/fd"
      let links = (try? manager.contentsOfDirectory(atPath: folder)) ?? []
      let holds = links.contains {
        (try? manager.destinationOfSymbolicLink(atPath: folder + "/" + $0)) == path
      }
      guard holds else { return nil }
      let name = (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)) ?? "?"
      return (pid, name.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  private static func usbDevices() -> [(path: String, vendor: UInt16, product: UInt16)] {
    let root = "/sys/bus/usb/devices"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.sorted().compactMap { name in
      func number(_ file: String) -> UInt16? {
        (try? String(contentsOfFile: "\(root)/\(name)/\(file)", encoding: .utf8)).flatMap {
          UInt16($0.trimmingCharacters(in: .whitespacesAndNewlines), radix: 16)
        }
      }
      guard let vendor = number("idVendor"), let product = number("idProduct") else { return nil }
      return (name, vendor, product)
    }
  }
}
