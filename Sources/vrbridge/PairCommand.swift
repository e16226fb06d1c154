import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import CLinux
import Devices
import Foundation
import Glibc
import Pairing
import Sensing
import Synchronization

struct PairCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pair",
    abstract: "Pair a wireless device with this machine.",
    discussion: """
      Says at each step what to do and what went wrong, and ends only when the device's reports have arrived over the \
      new link. Without a family it lists those that can be paired. docs/pairing.md has the details.
      """)

  @Argument(help: "Family, or the beginning of its name: 'vrbridge pair' lists them.")
  var family: String?

  @Argument(help: "For slimevr: the tracker's hardware address, when several wait.")
  var address: String?

  @Flag(help: "List what is paired.")
  var list = false

  @Flag(help: "One JSON object a step, for a front end.")
  var json = false

  @Option(help: "Seconds to wait for what you do.")
  var timeout = 120.0

  @Option(help: "Folder of device descriptions.")
  var descriptions: String?

  @Option(help: "Path of the bridge's socket, for trackers of the network.")
  var socket: String?

  func run() async throws {
    let store = PairingStore(folder: Configuration().stateFolder)
    if list { return try show(store) }
    let catalog = try catalog(descriptions)
    let able = catalog.descriptions.filter { $0.pairing != nil }
    guard let family else {
      print("Say what to pair:")
      for description in able { print("  " + Terminal.pad(description.family, 26), description.name) }
      return
    }
    let exact = able.filter { $0.family == family }
    let found =
      exact.isEmpty ? able.filter { $0.family.hasPrefix(family) || $0.family.contains("-\(family)") } : exact
    guard let description = found.first, found.count == 1 else {
      let names = (found.isEmpty ? able : found).map(\.family).joined(separator: ", ")
      throw ValidationError(
        "'\(family)' names \(found.count) families that can be paired; there are: \(names)")
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
    let entries: [PairingStore.Entry]
    do { entries = try store.entries() } catch { throw Failure(String(describing: error)) }
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      for entry in entries { print(String(decoding: try encoder.encode(entry), as: UTF8.self)) }
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
    var patience = PairingMachine.Patience()
    patience.person = timeout
    let (json, settings) = (json, try? String(contentsOfFile: BlueZSettings.inputFile, encoding: .utf8))
    let wanted = patience
    let stopped = StopFlag()
    do {
      return try await onInterrupt {
        stopped.set()
      } while: {
        let machine = try PairingMachine(
          description, bluetooth: { try BlueZ() }, hardware: AttachedHardware(catalog: catalog),
          inputSettings: settings, patience: wanted, isCancelled: { stopped.isSet },
          tell: { PairCommand.tell($0, json: json) })
        return try machine.run()
      }
    } catch {
      // The step has been told already.
      throw ExitCode(1)
    }
  }

  /// An atomic, for the signal's thread and the one that pairs.
  private final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    func set() { flag.store(true, ordering: .relaxed) }
    var isSet: Bool { flag.load(ordering: .relaxed) }
  }

  private static func tell(_ step: PairingStep, json: Bool) {
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      guard let line = try? encoder.encode(step) else { return }
      return Terminal.write(String(decoding: line, as: UTF8.self) + "\n")
    }
    switch step.state {
    case .waiting: Terminal.write("  …  \(step.message)\n")
    case .done: Terminal.write("  ok \(step.message)\n")
    case .failed:
      Terminal.write("  !! \(step.message)\n" + (step.fix.map { "     to mend it: \($0)\n" } ?? ""))
    }
  }

  // MARK: trackers of the network

  /// A tracker has found the bridge and waits; it is let in by being written down.
  private func pairTracker(_ description: DeviceDescription, _ store: PairingStore) throws -> String {
    func fail(_ name: PairingStep.Name, _ problem: String, _ fix: String) -> ExitCode {
      Self.tell(PairingStep(step: name, state: .failed, message: problem, fix: fix), json: json)
      return ExitCode(1)
    }
    let connection: BridgeConnection
    do { connection = try BridgeConnection(path: socket, clientName: "vrbridge pair") } catch {
      throw fail(.search, String(describing: error), "vrbridge run --slimevr ADDRESS-OF-THIS-MACHINE")
    }
    Self.tell(
      PairingStep(step: .search, state: .waiting, message: description.pairing?.hint ?? ""), json: json)
    let end = Date().addingTimeInterval(timeout)
    var chosen: String?
    while true {
      let devices = try connection.request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices.filter
      {
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
        Self.tell(PairingStep(step: .search, state: .done, message: "found \(tracker.serial)"), json: json)
        try store.add(
          PairingStore.Entry(
            family: description.family, address: tracker.serial, name: description.name,
            since: ISO8601DateFormatter().string(from: Date())))
        Self.tell(PairingStep(step: .data, state: .waiting, message: "waiting for its reports"), json: json)
      }
      if let chosen, devices.contains(where: { $0.serial == chosen && $0.state == .streaming }) {
        Self.tell(PairingStep(step: .data, state: .done, message: "its reports arrive: paired"), json: json)
        return chosen
      }
      guard Date() < end else {
        if let chosen { _ = try store.remove(address: chosen) }
        throw fail(
          chosen == nil ? .search : .data,
          chosen == nil ? "no tracker asks to be let in" : "it was let in, but no report came",
          "see that the bridge listens on an address that the tracker can reach: vrbridge run --slimevr ADDRESS"
        )
      }
      Thread.sleep(forTimeInterval: 0.2)
    }
  }
}

struct UnpairCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unpair", abstract: "Forget a paired device, here and in Bluetooth.")

  @Argument(help: "Its address; 'vrbridge pair --list' shows it.")
  var address: String

  func run() throws {
    let store = PairingStore(folder: Configuration().stateFolder)
    do {
      let gone = try store.remove(address: address)
      var isKnown = !gone.isEmpty
      if gone.allSatisfy({ $0.family != "slimevr" }), let bluetooth = try? BlueZ() {
        for device in try bluetooth.devices() where device.address.lowercased() == address.lowercased() {
          try bluetooth.remove(device)
          isKnown = true
        }
      }
      guard isKnown else {
        throw Failure("'\(address)' is not paired; 'vrbridge pair --list' shows what is")
      }
      print("\(address) is forgotten")
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(String(describing: error))
    }
  }
}
