import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import Devices
import Foundation
import Inference
import Perception
import Sensing
import Spatial

struct GesturesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gestures",
    abstract: "Teach movements by example, and see how well they are told apart.",
    subcommands: [
      GesturesRecord.self, GesturesTrain.self, GesturesEval.self, GesturesExplain.self, GesturesList.self,
      GesturesExport.self, GesturesRemove.self,
    ])
}

struct GestureOptions: ParsableArguments {
  @Option(help: "Folder of examples.")
  var folder: String?

  var store: GestureStore {
    let state = CalibrationStore.stateFolder(environment: ProcessInfo.processInfo.environment)
    return GestureStore(folder: folder ?? Daemon.gestureFolder(stateFolder: state))
  }
}

struct GesturesRecord: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record examples of a gesture with a controller of a running bridge.",
    discussion: """
      Hold the controller still, make the movement, hold still again; as often as --count says. One example is enough,
      five are better. A running bridge knows the gesture two seconds later.
      """)

  @Argument(help: "What it is called.")
  var name: String

  @Option(help: ArgumentHelp("With which hand.", valueName: "left|right"))
  var hand = "right"

  @Option(help: "Examples to record.")
  var count = 5

  @Option(help: "Seconds to wait for each of them.")
  var timeout = 30.0

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  @OptionGroup var options: GestureOptions

  func validate() throws {
    guard GestureStore.isName(name) else {
      throw ValidationError("a gesture's name has 1 to 40 letters, digits, spaces, hyphens or underscores")
    }
    guard ["left", "right"].contains(hand) else { throw ValidationError("--hand is left or right") }
    guard (1...100).contains(count), timeout > 0 else {
      throw ValidationError("--count is 1 to 100, --timeout more than 0")
    }
  }

  func run() throws {
    let role: DeviceRole = hand == "left" ? .leftHand : .rightHand
    let connection: BridgeConnection
    do {
      connection = try BridgeConnection(path: socket, clientName: "vrbridge gestures")
      var request = Vrbridge_V1_Subscribe()
      request.streams = [.poses]
      request.roles = [Vrbridge_V1_Role(role), Vrbridge_V1_Role(.head)]
      request.maxRateHz = 100
      request.depth = 4096
      _ = try connection.request(.subscribe(request))
    } catch { throw Failure(String(describing: error)) }
    var spotter = GestureSpotter()
    var head: Quaternion?
    var recorded = 0
    print("hold the \(hand) controller still, then make the movement (1 of \(count))")
    var deadline = Date().addingTimeInterval(timeout)
    while recorded < count {
      guard Date() < deadline else {
        throw Failure(
          "no movement of the \(hand) controller came within \(timeout) s; 'vrbridge watch' shows whether it is tracked"
        )
      }
      let frame: ServerFrame?
      do { frame = try connection.receive(within: 0.5) } catch { throw Failure(String(describing: error)) }
      guard case .poses(let batch) = frame?.message else { continue }
      for pose in batch.poses {
        let state = pose.state
        if pose.role.deviceRole == .head {
          head = state.worldFromDevice.orientation
          continue
        }
        guard recorded < count,
          let movement = spotter.add(state.worldFromDevice.position, at: state.captured, head: head)
        else { continue }
        do { _ = try options.store.add(movement.trace, to: name) } catch {
          throw Failure(
            "the example can't be written to \(options.store.folder): \(error.localizedDescription)")
        }
        recorded += 1
        print(
          String(format: "%d: %.2f s, %.2f m", recorded, movement.trace.duration, movement.trace.length)
            + (recorded < count ? "; again" : ""))
        deadline = Date().addingTimeInterval(timeout)
      }
    }
  }
}

struct GesturesList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "Gestures that are known.")

  @OptionGroup var options: GestureOptions

  func run() throws {
    let store = options.store
    for name in store.names {
      let (traces, faults) = store.examples(of: name)
      print(Terminal.pad(name, 26) + "\(traces.count) examples of yours")
      for fault in faults { FileHandle.standardError.write(Data("vrbridge: \(fault) can't be read\n".utf8)) }
    }
    let builtIn = Set(BuiltInGestures.all.map(\.name)).subtracting(store.names).sorted()
    for name in builtIn { print(Terminal.pad(name, 26) + "built in") }
  }
}

struct GesturesRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "remove", abstract: "Forget a gesture.")

  @Argument(help: "The gesture.")
  var name: String

  @OptionGroup var options: GestureOptions

  func run() throws {
    guard options.store.names.contains(name) else { throw Failure("there is no gesture '\(name)' of yours") }
    do { try options.store.remove(name) } catch { throw Failure(error.localizedDescription) }
  }
}

struct GesturesExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write all examples of yours as one JSON file, or the network as ONNX.")

  @Argument(help: "The file: NAME.json for the examples, NAME.onnx for the network that is in force.")
  var out: String

  @OptionGroup var options: GestureOptions
  @OptionGroup var models: ModelOptions

  func run() throws {
    if out.hasSuffix(".onnx") { return try exportNetwork() }
    var all: [String: [GestureTrace]] = [:]
    for name in options.store.names { all[name] = options.store.examples(of: name).traces }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    try write(try encoder.encode(all))
    print("\(all.count) gestures, \(all.values.reduce(0) { $0 + $1.count }) examples: \(out)")
  }

  private func exportNetwork() throws {
    let registry = try models.registry()
    let name = GestureNetwork.model
    guard let version = registry.choice(of: name).version(among: registry.versions(of: name), draw: 1) else {
      throw Failure("there is no network yet: 'vrbridge gestures train --network' makes one")
    }
    let package = try attempt { () throws(RegistryError) in try registry.package(name, version).package }
    try write(Data(package.files[0].bytes))
    print("\(name) \(version): \(out); its outputs are \(package.manifest.labels.joined(separator: ", "))")
  }

  private func write(_ data: Data) throws {
    do { try data.write(to: URL(fileURLWithPath: out)) } catch {
      throw Failure("\(out) can't be written: \(error.localizedDescription)")
    }
  }
}
