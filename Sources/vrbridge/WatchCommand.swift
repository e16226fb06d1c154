import ArgumentParser
import BridgeClient
import Foundation
import Glibc
import Sensing

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Show live poses of a running bridge.",
    discussion: """
      In a terminal a table; otherwise, or with --json, one JSON object a line: device, role, captured_ns,
      orientation [x,y,z,w], position or null, angular_velocity, linear_velocity (world axes), flags, uncertainty.
      """)

  @Flag(help: "One JSON object a line.")
  var json = false

  @Flag(help: "With --json, what models see too: a line for each annotation.")
  var annotations = false

  @Option(help: ArgumentHelp("Only devices with this role.", valueName: "head|left_hand|…"))
  var role: [String] = []

  @Option(help: "Poses per second and device at most; 0 for all.")
  var rate: Double = 0

  @Option(help: "Stop after this many poses.")
  var count: Int?

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  func validate() throws {
    for name in role where DeviceRole(name: name) == nil {
      throw ValidationError(
        "'\(name)' is not a role; roles: \(DeviceRole.allCases.map(\.name).joined(separator: ", "))")
    }
    guard rate >= 0, rate.isFinite else { throw ValidationError("--rate must be 0 or more") }
  }

  func run() async throws {
    let isJSON = json || !Terminal.isInteractive
    let view = WatchView(
      socket: socket, json: isJSON, roles: role.compactMap { DeviceRole(name: $0) }, rate: rate, count: count,
      annotations: !isJSON || annotations)
    // A bridge that is not there is an error now; one that goes away later is waited for.
    do { _ = try BridgeConnection(path: socket, clientName: "vrbridge watch") } catch {
      throw Failure(String(describing: error))
    }
    view.start()
    // Ctrl-C gives the terminal its cursor back.
    try await onInterrupt {
      view.stop()
    } while: {
      view.wait()
    }
  }
}
