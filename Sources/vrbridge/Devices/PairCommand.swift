import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import CLinux
import CommandSupport
import Devices
import Diagnostics
import Foundation
import Glibc
import Pairing
import Sensing
import Synchronization

struct PairCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pair",
    abstract: "Pair a wireless device with this machine.",
    discussion: discussion(
      """
      Prints an instruction for each step and ends when reports of the device arrive over the new link. Without a \
      family, lists the families that can be paired. Details: docs/how-to/pair-a-device.md.
      """,
      examples: "vrbridge pair", "vrbridge pair sony-dualshock4", "vrbridge pair --list"))

  @Argument(help: "Family, or the start of its name; 'vrbridge pair' lists them.", completion: .family)
  var family: String?

  @Argument(help: "Hardware address of the tracker, for the family slimevr when several trackers wait.")
  var address: String?

  @Flag(help: "List paired devices.")
  var list = false

  @Flag(help: "Print JSON, one object per step or paired device.")
  var json = false

  @Option(help: "Wait this many seconds for your actions, up to 3600.")
  var timeout = 120.0

  @Option(help: .descriptions, completion: .directory)
  var descriptions: String?

  @Option(help: .socket, completion: .file())
  var socket: String?

  func run() async throws {
    let store = PairingStore(folder: Configuration().stateFolder)
    if list { return try show(store) }
    let catalog = try catalog(descriptions)
    let able = catalog.descriptions.filter { $0.pairing != nil }
    guard let family else {
      print("Families that can be paired:")
      for description in able { print("  " + Terminal.pad(description.family, 26), description.name) }
      return
    }
    let exact = able.filter { $0.family == family }
    let found =
      exact.isEmpty ? able.filter { $0.family.hasPrefix(family) || $0.family.contains("-\(family)") } : exact
    guard let description = found.first, found.count == 1 else {
      let names = (found.isEmpty ? able : found).map(\.family).joined(separator: ", ")
      throw ValidationError(
        "\(found.isEmpty ? "no family matches" : "\(found.count) families match") '\(family)'; families that can be paired: \(names)"
      )
    }
    guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout: above 0 and at most 3600") }
    let address =
      description.pairing?.way == .network
      ? try pairTracker(description, store) : try await pair(description, catalog)
    try store.add(
      PairingStore.Entry(
        family: description.family, address: address, name: description.name,
        since: ISO8601DateFormatter().string(from: Date())))
  }

  private func show(_ store: PairingStore) throws {
    let entries = try store.entries()
    if json {
      for entry in entries { print(JSONLine.text(entry)) }
    } else if entries.isEmpty {
      print("Nothing is paired.")
    } else {
      for entry in entries {
        print(Terminal.pad(entry.family, 26), Terminal.pad(entry.address, 18), entry.since, entry.name)
      }
    }
  }

  // MARK: Bluetooth and receivers

  private func pair(_ description: DeviceDescription, _ catalog: DeviceCatalog) async throws -> String {
    var timeouts = PairingMachine.Timeouts()
    timeouts.person = timeout
    let json = json
    let settings = description.pairing?.isUnbonded == true ? try BlueZSettings.text() : nil
    let limits = timeouts
    let stopped = StopFlag()
    do {
      return try await onInterrupt {
        stopped.set()
      } while: {
        let machine = try PairingMachine(
          description, bluetooth: { try BlueZ() }, hardware: AttachedHardware(catalog: catalog),
          inputSettings: settings, timeouts: limits, isCancelled: { stopped.isSet },
          report: { PairCommand.report($0, json: json) })
        return try machine.run()
      }
    } catch {
      // The failed step was printed already.
      throw ExitCode.couldNot
    }
  }

  /// An atomic, for the signal's thread and the one that pairs.
  private final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    func set() { flag.store(true, ordering: .relaxed) }
    var isSet: Bool { flag.load(ordering: .relaxed) }
  }

  private static func report(_ step: PairingStep, json: Bool) {
    if json { return Terminal.write(JSONLine.text(step) + "\n") }
    let message = Terminal.field(step.message)
    switch step.state {
    case .waiting: Terminal.write("  …  \(message)\n")
    case .done: Terminal.write("  ok \(message)\n")
    case .failed:
      Terminal.write("  !! \(message)\n" + (step.fix.map { "     fix: \(Terminal.field($0))\n" } ?? ""))
    }
  }

  // MARK: trackers of the network

  /// Admits a tracker that found the bridge and waits: the bridge admits the trackers that the store lists.
  private func pairTracker(_ description: DeviceDescription, _ store: PairingStore) throws -> String {
    func fail(_ name: PairingStep.Name, _ problem: String, _ fix: String) -> ExitCode {
      Self.report(PairingStep(step: name, state: .failed, message: problem, fix: fix), json: json)
      return ExitCode.couldNot
    }
    let connection: BridgeConnection
    do { connection = try BridgeConnection(path: socket, clientName: "vrbridge pair") } catch {
      throw fail(.search, error.reason, "vrbridge run --slimevr ADDRESS-OF-THIS-MACHINE")
    }
    Self.report(
      PairingStep(step: .search, state: .waiting, message: description.pairing?.hint ?? ""), json: json)
    let end = Date().addingTimeInterval(timeout)
    var chosen: String?
    while true {
      let devices = try connection.devices().filter {
        $0.family == description.family
      }
      let waiting = devices.filter {
        $0.state == .blocked && (address == nil || $0.serial == address?.lowercased())
      }
      if chosen == nil, let tracker = waiting.first {
        guard waiting.count == 1 else {
          throw fail(
            .search, "\(waiting.count) trackers wait",
            "name one: " + waiting.map(\.serial).joined(separator: ", "))
        }
        chosen = tracker.serial
        Self.report(PairingStep(step: .search, state: .done, message: "found \(tracker.serial)"), json: json)
        try store.add(
          PairingStore.Entry(
            family: description.family, address: tracker.serial, name: description.name,
            since: ISO8601DateFormatter().string(from: Date())))
        Self.report(PairingStep(step: .data, state: .waiting, message: "waiting for its reports"), json: json)
      }
      if let chosen, devices.contains(where: { $0.serial == chosen && $0.state == .streaming }) {
        Self.report(PairingStep(step: .data, state: .done, message: "its reports arrive: paired"), json: json)
        return chosen
      }
      guard Date() < end else {
        if let chosen { _ = try store.remove(address: chosen) }
        throw fail(
          chosen == nil ? .search : .data,
          chosen == nil
            ? "no tracker requested admission" : "the tracker was admitted, but no report arrived",
          "let the bridge listen on an address that the tracker can reach: vrbridge run --slimevr ADDRESS"
        )
      }
      Thread.sleep(forTimeInterval: 0.2)
    }
  }
}
