import CommandSupport
import Devices

/// The text of `vrbridge doctor`: problems with their remedies, attached devices and the next step, then the findings
/// without problem.
struct DoctorReport {
  /// Findings of attached devices, of the configuration and of the bridge.
  var findings: [Doctor.Finding]
  /// Findings that are listed only when they are problems or everything is listed.
  var details: [Doctor.Finding]
  /// Devices of the catalogue that are not attached.
  var absent: [Doctor.Finding]
  /// Whether to list details, and the devices that are not attached.
  var listsAll = false
  /// Whether a bridge answers.
  var isRunning = false
  /// Names of attached devices.
  var attached: [String] = []

  init(findings: [Doctor.Finding], details: [Doctor.Finding], absent: [Doctor.Finding]) {
    self.findings = findings
    self.details = details
    self.absent = absent
  }

  /// The lines, without control sequences where the terminal has none.
  var lines: [String] {
    let problems = (findings + details).filter { $0.status == .problem }
    var lines: [String] = []
    if problems.isEmpty {
      lines.append(Terminal.styled("No problem found.", .green))
    } else {
      lines.append(Terminal.styled(problems.count == 1 ? "1 problem:" : "\(problems.count) problems:", .red))
      for finding in problems { lines += Self.lines(finding) }
    }
    lines += [
      "Attached: "
        + (attached.isEmpty ? "no supported device" : Terminal.field(attached.joined(separator: ", "))),
      "Next:     " + Terminal.styled(next(problems), .bold), "",
    ]
    for finding in findings where finding.status != .problem { lines += Self.lines(finding) }
    for finding in details where finding.status == .absent || listsAll && finding.status == .fine {
      lines += Self.lines(finding)
    }
    if listsAll {
      for finding in absent { lines += Self.lines(finding) }
    } else if !absent.isEmpty {
      lines.append("\(absent.count) supported devices are not attached; 'vrbridge doctor --all' lists them")
    }
    return lines
  }

  /// The next step: the fixes, else a device, a bridge or a client.
  private func next(_ problems: [Doctor.Finding]) -> String {
    guard problems.isEmpty else { return "correct the problems above, then: vrbridge doctor" }
    if isRunning { return "vrbridge watch" }
    return attached.isEmpty
      ? "connect a headset and run 'vrbridge run', or emulate one: vrbridge run --demo" : "vrbridge run"
  }

  private static func lines(_ finding: Doctor.Finding) -> [String] {
    let mark =
      switch finding.status {
      case .fine: Terminal.styled("ok     ", .green)
      case .absent: Terminal.styled("absent ", .dim)
      case .problem: Terminal.styled("PROBLEM", .red)
      }
    let fixes = finding.fix?.split(separator: "\n") ?? []
    return [mark + " " + Terminal.field("\(finding.subject): \(finding.detail)")]
      + fixes.map { "          " + Terminal.styled(String($0), .bold) }
  }
}
