import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import Devices
import Foundation
import Sensing

struct DevicesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "List devices: those of a running bridge, else those that are attached.",
    subcommands: [ListDevices.self, RecordDevice.self],
    defaultSubcommand: ListDevices.self)
}

struct ListDevices: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List devices.")

  @Flag(help: "Go on, and print each arrival, loss and change.")
  var watch = false

  @Flag(help: "JSON, one object a device.")
  var json = false

  @Flag(help: "List the families that are known instead.")
  var known = false

  @Flag(help: "With --known, the page docs/devices.md.")
  var markdown = false

  @Option(help: "Folder of device descriptions.")
  var descriptions: String?

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  func run() async throws {
    if known, markdown { return print(DeviceTable.markdown(try catalog(descriptions)), terminator: "") }
    if known { return try listKnown() }
    let connection: BridgeConnection
    do {
      connection = try BridgeConnection(path: socket, clientName: "vrbridge devices")
    } catch .notRunning where !watch && socket == nil {
      return try listAttached()
    } catch {
      throw Failure(String(describing: error))
    }
    let answer = try connection.request(.listDevices(Vrbridge_V1_ListDevices()))
    let list = answer.deviceList.devices
    if list.isEmpty, !json { print("The bridge has no device. 'vrbridge doctor' tells what is missing.") }
    if !list.isEmpty, !json { print(Terminal.styled(Self.header, .dim)) }
    for device in list { print(json ? Self.jsonText(device) : Self.line(device)) }
    guard watch else { return }
    var request = Vrbridge_V1_Subscribe()
    request.streams = [.devices]
    try connection.send(.subscribe(request))
    while true {
      guard case .deviceEvent(let event) = try connection.receive().message else { continue }
      let kinds = ["", "arrived", "lost", "changed", "recentered", "state"]
      let kind = kinds.indices.contains(event.kind.rawValue) ? kinds[event.kind.rawValue] : ""
      if json {
        Terminal.write(
          "{\"event\":\"\(kind)\",\"time_ns\":\(event.timeNs),\"device\":\(Self.jsonText(event.device))}\n")
      } else if event.kind == .state {
        Terminal.write(Self.transition(event) + "\n")
      } else if event.kind == .changed || event.kind == .recentered {
        Terminal.write(Terminal.pad(kind, 11) + Self.line(event.device) + "\n")
      }
    }
  }

  /// `12.345  1  Vive  LHR-…  streaming: reason`, the time in seconds of CLOCK_MONOTONIC.
  private static func transition(_ event: Vrbridge_V1_DeviceEvent) -> String {
    let device = event.device
    let reason = device.stateReason.isEmpty ? "" : ": \(device.stateReason)"
    return [
      Terminal.padLeft(String(format: "%.3f", Double(event.timeNs) * 1e-9), 12),
      Terminal.pad(String(device.deviceID), 3), Terminal.pad(device.name, 25),
      Terminal.pad(device.serial, 17),
      stateName(device) + reason,
    ].joined(separator: " ")
  }

  private static func stateName(_ device: Vrbridge_V1_Device) -> String {
    DeviceState(rawValue: UInt8(clamping: device.state.rawValue))?.name ?? "unknown"
  }

  private func listKnown() throws {
    for description in try catalog(descriptions).descriptions {
      let identities = description.parts.flatMap(\.match).compactMap { rule -> String? in
        guard let vendor = rule.vendor, let product = rule.product else {
          return rule.usage.map { "usage \(String($0, radix: 16))" }
        }
        return InterfaceIdentity(bus: rule.bus ?? .usb, vendor: vendor, product: product).vendorProduct
      }
      var seen: Set<String> = []
      let unique = identities.filter { seen.insert($0).inserted }
      if json {
        let list = unique.map { PoseLine.quoted($0) }.joined(separator: ",")
        print(
          "{\"family\":\(PoseLine.quoted(description.family)),\"name\":\(PoseLine.quoted(description.name)),\"kind\":\"\(description.kind.rawValue)\",\"ids\":[\(list)]}"
        )
      } else {
        print(
          Terminal.pad(description.family, 22), Terminal.pad(description.name, 24),
          Terminal.pad(description.kind.rawValue, 11), unique.joined(separator: " "))
      }
    }
  }

  /// Without a bridge: what udev shows.
  private func listAttached() throws {
    let catalog = try catalog(descriptions)
    let nodes = UdevMonitor()?.enumerate() ?? []
    var found = 0
    for node in nodes {
      guard let match = catalog.match(node) else { continue }
      found += 1
      if json {
        print(
          "{\"family\":\(PoseLine.quoted(match.description.family)),\"part\":\(PoseLine.quoted(match.part.name)),\"node\":\(PoseLine.quoted(node.path)),\"id\":\"\(node.identity.vendorProduct)\",\"serial\":\(PoseLine.quoted(node.identity.serial))}"
        )
      } else {
        print(
          Terminal.pad(node.path, 14), Terminal.pad(match.description.name, 24),
          Terminal.pad(match.part.name, 10), node.identity.vendorProduct, node.identity.serial)
      }
    }
    if found == 0, !json {
      print("No bridge is running, and no known device is attached (\(nodes.count) hidraw nodes looked at).")
    }
  }

  private static let header =
    "ID  ROLE         DEVICE                    SERIAL            SOURCE     STATE        CALIBRATION  BIAS °/s  NOISE °/s/√Hz  DRIFT °/min: REST  GRAVITY   NORTH  CLOCK µs"

  private static func line(_ device: Vrbridge_V1_Device) -> String {
    let health = device.health
    let bias = (health.biasX * health.biasX + health.biasY * health.biasY + health.biasZ * health.biasZ)
      .squareRoot()
    let residual = health.clockResidualUs.isFinite ? String(format: "%.0f", health.clockResidualUs) : "–"
    return [
      Terminal.pad(String(device.deviceID), 3), Terminal.pad(device.role.deviceRole.name, 12),
      Terminal.pad(device.name, 25), Terminal.pad(device.serial, 17), Terminal.pad(originName(device), 10),
      Terminal.pad(stateName(device), 12), Terminal.pad(health.calibration, 12),
      Terminal.padLeft(String(format: "%.3f", bias * 180 / .pi), 8),
      Terminal.padLeft(figure(health.gyroscopeNoiseDeg, "%.4f"), 13),
      Terminal.padLeft(figure(health.driftAtRestDegMin, "%.2f"), 18),
      Terminal.padLeft(figure(health.driftAgainstGravityDegMin, "%.1f"), 8),
      Terminal.padLeft(figure(health.driftAgainstFieldDegMin, "%.1f"), 7), Terminal.padLeft(residual, 9),
    ].joined(separator: " ") + (device.stateReason.isEmpty ? "" : "\n    \(device.stateReason)")
      + (health.measurements + health.measurementsRejected > 0 ? "\n    \(measured(health))" : "")
  }

  /// What became of the places that others measured.
  private static func measured(_ health: Vrbridge_V1_Health) -> String {
    "place measured by others: \(health.measurements) used, \(health.measurementsRejected) not; "
      + "\(figure(health.measurementDelayMs, "%.1f")) ms late, "
      + "\(figure(health.measurementConsistency.squareRoot(), "%.2f")) of the distance that their deviations promise"
  }

  private static func figure(_ value: Double, _ format: String) -> String {
    value.isFinite ? String(format: format, value) : "–"
  }

  private static func originName(_ device: Vrbridge_V1_Device) -> String {
    (Sensing.Origin(rawValue: UInt8(clamping: device.origin.rawValue)) ?? .hardware).name
  }

  private static func jsonText(_ device: Vrbridge_V1_Device) -> String {
    let health = device.health
    func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
    let controls = device.controls.map { PoseLine.quoted($0.path) }.joined(separator: ",")
    return
      "{\"id\":\(device.deviceID),\"family\":\(PoseLine.quoted(device.family)),\"name\":\(PoseLine.quoted(device.name)),"
      + "\"serial\":\(PoseLine.quoted(device.serial)),\"role\":\"\(device.role.deviceRole.name)\","
      + "\"origin\":\"\(originName(device))\",\"connected\":\(device.connected),\"degraded\":\(device.degraded),"
      + "\"state\":\"\(stateName(device))\",\"reason\":\(PoseLine.quoted(device.stateReason)),\"place\":\(PoseLine.quoted(device.place)),"
      + "\"battery\":\(device.hasBattery ? "{\"level\":\(device.battery.level),\"charging\":\(device.battery.charging)}" : "null"),"
      + "\"controls\":[\(controls)],\"reports\":\(health.reports),\"decode_errors\":\(health.decodeErrors),"
      + "\"lost_samples\":\(health.lostSamples),\"calibration\":\(PoseLine.quoted(health.calibration)),"
      + "\"gyroscope_bias\":[\(number(health.biasX)),\(number(health.biasY)),\(number(health.biasZ))],"
      + "\"gyroscope_noise_deg\":\(number(health.gyroscopeNoiseDeg)),"
      + "\"drift_deg_min\":{\"at_rest\":\(number(health.driftAtRestDegMin)),\"against_gravity\":\(number(health.driftAgainstGravityDegMin)),\"against_field\":\(number(health.driftAgainstFieldDegMin))},"
      + "\"measurements\":{\"used\":\(health.measurements),\"rejected\":\(health.measurementsRejected),\"delay_ms\":\(number(health.measurementDelayMs)),\"consistency\":\(number(health.measurementConsistency))},"
      + "\"heading_referenced\":\(health.headingReferenced),"
      + "\"clock_residual_us\":\(number(health.clockResidualUs)),\"clock_skew_ppm\":\(number(health.clockSkewPpm))}"
  }
}

/// The descriptions in force, with their faults on standard error.
func catalog(_ folder: String?) throws -> DeviceCatalog {
  let place = try catalogFolder(folder)
  do {
    let (catalog, faults) = try DeviceCatalog.load(folder: place)
    for fault in faults { FileHandle.standardError.write(Data("\(fault)\n".utf8)) }
    return catalog
  } catch {
    throw Failure("the device descriptions in \(place) can't be read; name their folder with --descriptions")
  }
}

struct RecordDevice: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record a device's raw reports in the format of hid-recorder.",
    discussion: "Stop the bridge first when it holds the device. Ctrl-C ends the recording.")

  @Argument(help: ArgumentHelp("A node, a serial number or a family.", valueName: "device"))
  var device: String

  @Argument(help: ArgumentHelp("OUT.hid or OUT.hid.gz", valueName: "out"))
  var out: String

  @Option(help: "Stop after this many seconds.")
  var duration: Double?

  @Option(help: "Folder of device descriptions.")
  var descriptions: String?

  func run() async throws {
    let catalog = try catalog(descriptions)
    let nodes = UdevMonitor()?.enumerate() ?? []
    let chosen = nodes.filter { node in
      if node.path == device { return true }
      guard let match = catalog.match(node) else { return false }
      return node.identity.serial == device || match.description.family == device
    }
    guard !chosen.isEmpty else {
      throw Failure(
        "no attached device is '\(device)'; 'vrbridge devices' lists nodes, serial numbers and families")
    }
    do {
      let recorder = try HIDRecorder(nodes: chosen, catalog: catalog, out: out)
      Terminal.write("recording \(chosen.map(\.path).joined(separator: ", ")) to \(out); Ctrl-C ends\n")
      let seconds = duration
      let count = try await onInterrupt {
        recorder.stop()
      } while: {
        try recorder.record(seconds: seconds)
      }
      Terminal.write("\(count) reports\n")
    } catch {
      throw Failure(String(describing: error))
    }
  }
}
