import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import CommandSupport
import Devices
import Diagnostics
import Inference
import Sandbox

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Diagnose unavailable devices and suggest fixes.",
    discussion: discussion(
      """
      Lists problems with their fixes, then the attached devices, the models and the bridge. Exit status 0 without \
      problems, 1 with a problem.
      """,
      examples: "vrbridge doctor", "vrbridge doctor --json"))

  @Flag(help: "Print JSON, one object per finding.")
  var json = false

  @Flag(help: "List the supported devices that are not attached too.")
  var all = false

  @Option(help: .descriptions)
  var descriptions: String?

  private struct Report: Encodable {
    var subject: String
    var status: String
    var detail: String
    var fix: Nullable<String>
  }

  func run() async throws {
    let (catalog, faults) = try catalogAndFaults(descriptions)
    let devices = Doctor.examine(catalog: catalog)
    var others = faults.map {
      Doctor.Finding(
        subject: "device descriptions", status: .problem, detail: "\($0)",
        fix: "correct or remove the file, then: vrbridge devices --known")
    }
    others += configuration()
    others += ports() + [bridge(), confinement()]
    let attached = devices.filter { $0.status != .absent }
    let absent = devices.filter { $0.status == .absent }
    if json {
      for finding in devices + others {
        print(
          JSONLine.text(
            Report(
              subject: finding.subject, status: finding.status.rawValue, detail: finding.detail,
              fix: Nullable(finding.fix))))
      }
    } else {
      let none =
        attached.isEmpty
        ? [
          Doctor.Finding(
            subject: "devices", status: .absent,
            detail: "none is attached", fix: "plug a headset in, or emulate one: vrbridge run --demo")
        ] : []
      let report = DoctorReport(findings: attached + none + others, absent: absent, listsAll: all)
      print(report.lines.joined(separator: "\n"))
    }
    if (devices + others).contains(where: { $0.status == .problem }) { throw ExitCode.differs }
  }

  /// Returns findings of the configuration file and of the models that it names.
  private func configuration() -> [Doctor.Finding] {
    do {
      let options = try ModelOptions.parse([])
      let registry = try options.registry()
      let entries = registry.entries()
      let refused = entries.filter { $0.problem != nil }.map { entry in
        Doctor.Finding(
          subject: "model \(entry.name) \(entry.version)", status: .problem, detail: entry.problem ?? "",
          fix: "vrbridge models verify")
      }
      let usable = entries.count - refused.count
      let summary =
        entries.isEmpty
        ? Doctor.Finding(
          subject: "models", status: .absent,
          detail: "none in \(registry.folder); speech and perception need some", fix: "vrbridge models pull")
        : Doctor.Finding(
          subject: "models", status: .fine,
          detail: "\(usable) of \(entries.count) usable in \(registry.folder)")
      return refused + [summary]
    } catch {
      return [
        Doctor.Finding(
          subject: "configuration", status: .problem, detail: error.printed,
          fix: "correct the file, then: vrbridge run --print-config")
      ]
    }
  }

  /// Returns findings of the configured listeners; a configuration that can't be read is a finding of its own.
  private func ports() -> [Doctor.Finding] {
    (try? RunCommand.parse([]).load()).map { DoctorPorts($0).findings } ?? []
  }

  private func confinement() -> Doctor.Finding {
    let available = SandboxConfinement.available
    guard available.filtersCalls else {
      return Doctor.Finding(
        // By default the bridge works without it, with a warning.
        subject: "confined processes", status: .absent,
        detail: "\(available.description): pictures and models are opened with fewer limits, or refused",
        fix: "permit seccomp in the container, or use a kernel with CONFIG_SECCOMP_FILTER")
    }
    return Doctor.Finding(subject: "confined processes", status: .fine, detail: available.description)
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
      return Doctor.Finding(subject: "bridge", status: .problem, detail: error.reason)
    }
  }
}
