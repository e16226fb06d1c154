import ArgumentParser
import Bridge
import CommandSupport
import Devices
import Foundation
import Sensing

struct RecordDevice: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record a device's raw reports in the format of hid-recorder.",
    discussion: discussion(
      "Stop the bridge first when it has the device open. Ctrl-C ends the recording.",
      examples: "vrbridge devices record htc-vive out.hid.gz --duration 60"))

  @Argument(help: ArgumentHelp("Node, serial number or family.", valueName: "device"), completion: .device)
  var device: String

  @Argument(help: ArgumentHelp("File to write: .hid or .hid.gz.", valueName: "out"), completion: .file())
  var out: String

  @Option(help: ArgumentHelp("Stop after this many seconds (default: at Ctrl-C).", valueName: "seconds"))
  var duration: Double?

  @Option(help: .descriptions, completion: .directory)
  var descriptions: String?

  func validate() throws {
    if let duration, !(duration > 0 && duration <= 1e9) {
      throw ValidationError("--duration: above 0 seconds")
    }
  }

  func run() async throws {
    let catalog = try catalog(descriptions)
    let nodes = UdevMonitor()?.enumerate() ?? []
    let chosen = nodes.filter { node in
      if node.path == device { return true }
      guard let match = catalog.match(node) else { return false }
      return node.identity.serial == device || match.description.family == device
    }
    guard !chosen.isEmpty else {
      throw CommandError(
        "unknown-device",
        "no attached device is '\(device)'; 'vrbridge devices' lists nodes, serial numbers and families")
    }
    let recorder = try HIDRecorder(nodes: chosen, catalog: catalog, out: out)
    Terminal.write("recording \(chosen.map(\.path).joined(separator: ", ")) to \(out); Ctrl-C ends\n")
    let seconds = duration
    let count = try await onInterrupt {
      recorder.stop()
    } while: {
      try recorder.record(seconds: seconds)
    }
    Terminal.write("\(count) reports\n")
    if count == 0 {
      throw CommandError("no-reports", "the device sent no reports; check that it is on and in use")
    }
  }
}
