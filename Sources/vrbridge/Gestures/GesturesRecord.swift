import Diagnostics
import ArgumentParser
import BridgeClient
import BridgeProtocol
import CommandSupport
import Foundation
import Perception
import Sensing
import Spatial

struct GesturesRecord: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record examples of a gesture with a controller of a running bridge.",
    discussion: discussion(
      """
      Hold the controller still, make the movement, hold still again; repeat --count times. One example is \
      sufficient; the default is five. A running bridge recognises the gesture two seconds later.
      """,
      examples: "vrbridge gestures record circle --hand left --count 3"))

  @Argument(help: "Name of the gesture.")
  var name: String

  @Option(
    help: ArgumentHelp("Record the controller in this hand.", valueName: "left|right"),
    completion: .list(["left", "right"]))
  var hand = "right"

  @Option(help: "Record this many examples, 1 to 100.")
  var count = 5

  @Option(help: "Wait this many seconds for each example.")
  var timeout = 30.0

  @Option(help: .socket, completion: .file())
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
    let connection = try BridgeConnection(path: socket, clientName: "vrbridge gestures")
    var request = Vrbridge_V1_Subscribe()
    request.streams = [.poses]
    request.roles = [Vrbridge_V1_Role(role), Vrbridge_V1_Role(.head)]
    request.maxRateHz = 100
    request.depth = 4096
    _ = try connection.request(.subscribe(request))
    var spotter = GestureSpotter()
    var head: Quaternion?
    var recorded = 0
    print("hold the \(hand) controller still, then make the movement (1 of \(count))")
    var deadline = Date().addingTimeInterval(timeout)
    while recorded < count {
      guard Date() < deadline else {
        throw CommandError(
          "movement-timeout",
          "no movement of the \(hand) controller within \(timeout) s; 'vrbridge watch' shows whether it is tracked"
        )
      }
      let frame = try connection.receive(within: 0.5)
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
          throw CommandError(
            "file-unwritable",
            "the example can't be written to \(options.store.folder) (\(error.reason))")
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
