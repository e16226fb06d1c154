import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import CommandSupport
import Devices
import Diagnostics
import Foundation
import Inference
import Sandbox

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Diagnose unavailable devices and suggest fixes.",
    discussion: discussion(
      """
      Lists problems with their fixes, the attached devices and the next step, then models, OpenXR, permissions and the \
      bridge. Exit status 0 without problems, 1 with a problem.
      """,
      examples: "vrbridge doctor", "vrbridge doctor --all", "vrbridge doctor --json"))

  @Flag(help: "Print JSON, one object per finding.")
  var json = false

  @Flag(help: "List the supported devices that are not attached, and permitted folders and limits, too.")
  var all = false

  @Option(help: .socket, completion: .file())
  var socket: String?

  @Option(help: .descriptions, completion: .directory)
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
    others += [Doctor.openXR(environment: ProcessInfo.processInfo.environment)] + Doctor.media()
    let bridge = bridge()
    others += ports() + [bridge]
    let details = permissions() + [confinement()]
    let attached = devices.filter { $0.status != .absent }
    let absent = devices.filter { $0.status == .absent }
    if json {
      for finding in devices + others + details {
        print(
          JSONLine.text(
            Report(
              subject: finding.subject, status: finding.status.rawValue, detail: finding.detail,
              fix: Nullable(finding.fix))))
      }
    } else {
      var report = DoctorReport(findings: attached + others, details: details, absent: absent)
      report.listsAll = all
      report.attached = Self.names(attached)
      report.isRunning = bridge.status == .fine
      print(report.lines.joined(separator: "\n"))
    }
    if (devices + others + details).contains(where: { $0.status == .problem }) { throw ExitCode.differs }
  }

  /// Returns the names of attached devices, each once: a finding's subject has the part or the bus behind it.
  private static func names(_ findings: [Doctor.Finding]) -> [String] {
    var names: [String] = []
    for finding in findings where finding.subject != "udev" {
      let name = finding.subject.prefix { $0 != "," && $0 != "(" }.trimmingCharacters(in: .whitespaces)
      if !names.contains(name) { names.append(name) }
    }
    return names
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

  /// Returns findings of rules, of the state folder and of the socket's path.
  private func permissions() -> [Doctor.Finding] {
    // One that can't be read is a finding of its own.
    let settings = (try? RunCommand.parse([]).load()) ?? Configuration()
    let state = settings.stateFolder
    let stored =
      StateFolder.problem(state).map {
        Doctor.Finding(subject: "state folder", status: .problem, detail: $0)
      } ?? Doctor.Finding(subject: "state folder", status: .fine, detail: "\(state) can be written")
    let path = socket ?? settings.socketPath.value
    let listens =
      SocketPath.problem(path).map {
        Doctor.Finding(
          subject: "socket", status: .problem, detail: $0,
          fix: "set XDG_RUNTIME_DIR to a folder of yours, or choose a path: vrbridge run --socket PATH")
      } ?? Doctor.Finding(subject: "socket", status: .fine, detail: path)
    return [Doctor.rules(), stored, listens]
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
      let connection = try BridgeConnection(path: socket, clientName: "vrbridge doctor")
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
