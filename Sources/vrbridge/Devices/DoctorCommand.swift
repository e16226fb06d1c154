import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import CommandSupport
import Devices

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Diagnose unavailable devices and suggest fixes.",
    discussion: discussion(
      "Exit status 0 without problems, 1 with a problem.", examples: "vrbridge doctor",
      "vrbridge doctor --json"))

  @Flag(help: "Print JSON, one object per finding.")
  var json = false

  @Option(help: .descriptions)
  var descriptions: String?

  private struct Report: Encodable {
    var subject: String
    var status: String
    var detail: String
    var fix: Nullable<String>
  }

  func run() async throws {
    var findings = Doctor.examine(catalog: try catalog(descriptions))
    findings.append(bridge())
    for finding in findings {
      if json {
        print(
          JSONLine.text(
            Report(
              subject: finding.subject, status: finding.status.rawValue, detail: finding.detail,
              fix: Nullable(finding.fix))))
        continue
      }
      let mark =
        switch finding.status {
        case .fine: Terminal.styled("ok     ", .green)
        case .absent: Terminal.styled("absent ", .dim)
        case .problem: Terminal.styled("PROBLEM", .red)
        }
      print(mark, Terminal.field("\(finding.subject): \(finding.detail)"))
      if let fix = finding.fix {
        for line in fix.split(separator: "\n") { print("          \(Terminal.styled(String(line), .bold))") }
      }
    }
    if findings.contains(where: { $0.status == .problem }) { throw ExitCode(1) }
  }

  private func bridge() -> Doctor.Finding {
    do {
      let connection = try BridgeConnection(clientName: "vrbridge doctor")
      return Doctor.Finding(
        subject: "bridge", status: .fine,
        detail:
          "\(connection.welcome.server) on \(connection.path), scopes: \(connection.welcome.scopes.joined(separator: " "))"
      )
    } catch .notRunning(let path) {
      return Doctor.Finding(
        subject: "bridge", status: .absent, detail: "not running (no socket at \(path))", fix: "vrbridge run")
    } catch {
      return Doctor.Finding(subject: "bridge", status: .problem, detail: String(describing: error))
    }
  }
}
