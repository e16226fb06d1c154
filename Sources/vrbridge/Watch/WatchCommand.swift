import ArgumentParser
import BridgeClient
import CommandSupport
import Foundation
import Glibc
import Sensing

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Show live poses of a running bridge.",
    discussion: discussion(
      """
      Prints a table in a terminal; otherwise, or with --json, one JSON object per pose: device, role, captured_ns, \
      orientation [x,y,z,w], position (m) or null, angular_velocity (rad/s), linear_velocity (m/s, world axes), flags, \
      uncertainty.
      """,
      examples: "vrbridge watch", "vrbridge watch --json --role head --count 1"))

  @Flag(help: "Print JSON, one object per pose.")
  var json = false

  @Flag(help: "Print annotations too, one object each, with --json.")
  var annotations = false

  @Option(
    help: ArgumentHelp(
      "Show only devices with this role; repeatable (default: all): \(DeviceRole.allCases.map(\.name).joined(separator: ", ")).",
      valueName: "role"), completion: .role)
  var role: [String] = []

  @Option(help: "Show at most this many poses per second and device; 0 for all.")
  var rate: Double = 0

  @Option(help: ArgumentHelp("Stop after this many poses (default: none).", valueName: "count"))
  var count: Int?

  @Option(help: .socket, completion: .file())
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
    // Without a bridge the command fails; a bridge that ends later is waited for.
    _ = try BridgeConnection(path: socket, clientName: "vrbridge watch")
    view.start()
    // Ctrl-C restores the terminal's cursor.
    try await onInterrupt {
      view.stop()
    } while: {
      view.wait()
    }
  }
}
