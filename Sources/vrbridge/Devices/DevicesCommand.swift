import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import CommandSupport
import Devices
import Foundation
import Sensing
import Spatial

struct DevicesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "List the devices of a running bridge or, without a bridge, the attached devices.",
    discussion: discussion(
      examples: "vrbridge devices --watch", "vrbridge devices --known",
      "vrbridge devices record htc-vive out.hid.gz"),
    subcommands: [ListDevices.self, RecordDevice.self],
    defaultSubcommand: ListDevices.self)
}

struct ListDevices: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List devices.",
    discussion: discussion(examples: "vrbridge devices --json"))

  @Flag(help: "Continue, and print each arrival, loss and change.")
  var watch = false

  @Flag(help: "Print JSON, one object per device.")
  var json = false

  @Flag(help: "List the supported families instead.")
  var known = false

  @Flag(help: "Print the families as the page docs/reference/devices.md, with --known.")
  var markdown = false

  @Option(help: .descriptions, completion: .directory)
  var descriptions: String?

  @Option(help: .socket, completion: .file())
  var socket: String?

  func run() async throws {
    if known {
      return try withWholeCatalog(descriptions) {
        if markdown { print(DeviceTable.markdown($0), terminator: "") } else { listKnown($0) }
      }
    }
    let connection: BridgeConnection
    do {
      connection = try BridgeConnection(path: socket, clientName: "vrbridge devices")
    } catch .notRunning where !watch && socket == nil {
      return try listAttached()
    } catch {
      // Written out: the compiler of 6.3 fails on a typed error that leaves such a statement by itself.
      throw error
    }
    let list = try connection.devices()
    if list.isEmpty, !json { print("The bridge has no device; 'vrbridge doctor' lists what is missing.") }
    if !list.isEmpty, !json { print(Terminal.styled(Self.header, .dim)) }
    for device in list { print(json ? JSONLine.text(DeviceReport(device)) : Self.line(device)) }
    if watch { try follow(connection) }
  }

  private struct EventReport: Encodable {
    var event: String
    var timeNs: Int64
    var device: Nullable<DeviceReport>
  }

  private func follow(_ connection: BridgeConnection) throws {
    var request = Vrbridge_V1_Subscribe()
    request.streams = [.devices]
    try connection.send(.subscribe(request))
    while true {
      guard case .deviceEvent(let message) = try connection.receive().message, let event = message.event
      else { continue }
      let kind = event.kind.name
      if json {
        Terminal.write(
          JSONLine.text(
            EventReport(
              event: kind, timeNs: event.time.nanoseconds,
              device: Nullable(event.device.map(DeviceReport.init)))) + "\n")
      } else if event.kind == .state, let device = event.device {
        Terminal.write(Self.transition(device, at: event.time) + "\n")
      } else if event.kind == .changed || event.kind == .recentered {
        Terminal.write(Terminal.pad(kind, 11) + (event.device.map(Self.line) ?? "") + "\n")
      }
    }
  }

  /// Returns `12.345  1  Vive  LHR-…  streaming: reason`, with the time in seconds of CLOCK_MONOTONIC.
  private static func transition(_ device: DeviceStatus, at time: Timestamp) -> String {
    let reason = device.reason.isEmpty ? "" : ": \(device.reason)"
    return [
      Terminal.padLeft(String(format: "%.3f", Double(time.nanoseconds) * 1e-9), 12),
      Terminal.pad(String(device.id.number), 3), Terminal.pad(device.name, 25),
      Terminal.pad(device.serial, 17),
      device.state.name + Terminal.field(reason),
    ].joined(separator: " ")
  }

  private struct Family: Encodable {
    var family: String
    var name: String
    var kind: String
    var ids: [String]
  }

  private func listKnown(_ catalog: DeviceCatalog) {
    for description in catalog.descriptions {
      let identities = description.parts.flatMap(\.match).compactMap { rule -> String? in
        guard let vendor = rule.vendor, let product = rule.product else {
          return rule.usage.map { "usage \(String($0, radix: 16))" }
        }
        return InterfaceIdentity(bus: rule.bus ?? .usb, vendor: vendor, product: product).vendorProduct
      }
      var known: Set<String> = []
      let unique = identities.filter { known.insert($0).inserted }
      if json {
        print(
          JSONLine.text(
            Family(
              family: description.family, name: description.name, kind: description.kind.rawValue,
              ids: unique)))
      } else {
        print(
          Terminal.pad(description.family, 22), Terminal.pad(description.name, 24),
          Terminal.pad(description.kind.rawValue, 11), unique.joined(separator: " "))
      }
    }
  }

  private struct Node: Encodable {
    var family: String
    var part: String
    var node: String
    var id: String
    var serial: String
  }

  /// Lists the nodes of udev, without a bridge.
  private func listAttached() throws {
    let catalog = try catalog(descriptions)
    let nodes = UdevMonitor()?.enumerate() ?? []
    var found = 0
    for node in nodes {
      guard let match = catalog.match(node) else { continue }
      found += 1
      if json {
        print(
          JSONLine.text(
            Node(
              family: match.description.family, part: match.part.name, node: node.path,
              id: node.identity.vendorProduct, serial: node.identity.serial)))
      } else {
        print(
          Terminal.pad(node.path, 14), Terminal.pad(match.description.name, 24),
          Terminal.pad(match.part.name, 10), node.identity.vendorProduct, Terminal.field(node.identity.serial)
        )
      }
    }
    if found == 0, !json {
      print(
        "No bridge is running, and none of the \(nodes.count) hidraw nodes belongs to a supported device.")
    }
  }

  private static let header =
    "ID  ROLE         DEVICE                    SERIAL            SOURCE     STATE        CALIBRATION  BIAS °/s  NOISE °/s/√Hz  DRIFT °/min: REST  GRAVITY   NORTH  CLOCK µs"

  private static func line(_ device: DeviceStatus) -> String {
    let health = device.health
    let bias = health.gyroscopeBias.length
    return [
      Terminal.pad(String(device.id.number), 3), Terminal.pad(device.role.name, 12),
      Terminal.pad(device.name, 25), Terminal.pad(device.serial, 17),
      Terminal.pad(device.origin.name, 10), Terminal.pad(device.state.name, 12),
      Terminal.pad(health.calibration.rawValue, 12),
      Terminal.padLeft(Terminal.number(bias * 180 / .pi, 3), 8),
      Terminal.padLeft(Terminal.number(health.gyroscopeNoiseDegrees, 4), 13),
      Terminal.padLeft(Terminal.number(health.driftAtRestDegreesPerMinute, 2), 18),
      Terminal.padLeft(Terminal.number(health.driftAgainstGravityDegreesPerMinute, 1), 8),
      Terminal.padLeft(Terminal.number(health.driftAgainstFieldDegreesPerMinute, 1), 7),
      Terminal.padLeft(Terminal.number(health.clockResidualMicroseconds, 0), 9),
    ].joined(separator: " ") + (device.reason.isEmpty ? "" : "\n    " + Terminal.field(device.reason))
      + (health.measurements + health.measurementsRejected > 0 ? "\n    \(measured(health))" : "")
  }

  /// Returns the counts and the consistency of poses from external trackers.
  private static func measured(_ health: DeviceHealth) -> String {
    "external poses: \(health.measurements) used, \(health.measurementsRejected) rejected; "
      + "\(Terminal.number(health.measurementDelayMilliseconds, 1)) ms late; "
      + "error \(Terminal.number(health.measurementConsistency?.squareRoot(), 2)) of the stated deviation"
  }
}
