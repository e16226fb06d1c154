import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import Devices
import Foundation
import Glibc
import Sensing

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Tell what is in the way of a device, and the command that mends it.",
    discussion: "Exit code 0 when nothing is wrong, 1 when something is.")

  @Flag(help: "JSON, one object a finding.")
  var json = false

  @Option(help: "Folder of device descriptions.")
  var descriptions: String?

  func run() async throws {
    let catalog = try catalog(descriptions)
    var findings = Doctor.examine(catalog: catalog)
    findings.append(bridge())
    for finding in findings {
      if json {
        print(
          "{\"subject\":\(PoseLine.quoted(finding.subject)),\"status\":\"\(finding.status.rawValue)\",\"detail\":\(PoseLine.quoted(finding.detail)),\"fix\":\(finding.fix.map { PoseLine.quoted($0) } ?? "null")}"
        )
        continue
      }
      let mark =
        switch finding.status {
        case .fine: Terminal.styled("ok     ", .green)
        case .absent: Terminal.styled("absent ", .dim)
        case .problem: Terminal.styled("PROBLEM", .red)
        }
      print("\(mark) \(finding.subject): \(finding.detail)")
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
        subject: "bridge", status: .absent, detail: "not running (looked for \(path))", fix: "vrbridge run")
    } catch {
      return Doctor.Finding(subject: "bridge", status: .problem, detail: String(describing: error))
    }
  }
}
