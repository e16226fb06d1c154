import CommandSupport
import Devices

/// The text of `vrbridge doctor`: problems with their remedies first, then the findings without problem.
struct DoctorReport {
  /// Findings of devices, of the configuration and of the bridge.
  var findings: [Doctor.Finding]
  /// Devices of the catalogue that are not attached.
  var absent: [Doctor.Finding]
  /// Whether to list the devices that are not attached.
  var listsAll = false

  /// The lines, without control sequences where the terminal has none.
  var lines: [String] {
    let problems = findings.filter { $0.status == .problem }
    var lines: [String] = []
    if problems.isEmpty {
      lines.append(Terminal.styled("No problem found.", .green))
    } else {
      lines.append(Terminal.styled(problems.count == 1 ? "1 problem:" : "\(problems.count) problems:", .red))
      for finding in problems { lines += Self.lines(finding) }
    }
    lines.append("")
    for finding in findings where finding.status != .problem { lines += Self.lines(finding) }
    if listsAll {
      for finding in absent { lines += Self.lines(finding) }
    } else if !absent.isEmpty {
      lines.append("\(absent.count) supported devices are not attached; 'vrbridge doctor --all' lists them")
    }
    return lines
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
