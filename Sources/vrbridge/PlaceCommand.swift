import ArgumentParser
import BridgeClient
import BridgeProtocol
import CLinux
import Foundation
import Sensing
import Spatial
import Tracking

struct PlaceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "place",
    abstract: "Tell the bridge where devices are, as another tracker measures it.",
    discussion: """
      Reads objects of JSON from standard input, one a line, until it ends:

        {"device": "head", "captured_ns": 81234567890, "position": [0.1, 1.6, -0.2], "orientation": [0, 0, 0, 1]}

      device: number, serial number or role; may stand on the command line instead. captured_ns: CLOCK_MONOTONIC when \
      it was true; without it, --delay before now. position: metres, Y up. orientation: x, y, z, w, world from device; \
      may be left out. Also sigma_position (m), sigma_orientation (rad), and point, the measured point in the device's \
      axes (m). The bridge fuses them with the device's own motion, late ones and those out of order too.

      A tracker's body seldom lies along the device's axes, its world may have Z up, and nobody knows how late it is. \
      --align finds all three while you turn the device; --alignment keeps what was found in a file, and takes it from \
      there the next time.
      """)

  @Argument(help: ArgumentHelp("The device that lines without one are of.", valueName: "device"))
  var device: String?

  @Option(help: "Deviation of each axis of a position, m, where a line says nothing.")
  var sigma: Double?

  @Option(help: "Deviation of each axis of an orientation, degrees, where a line says nothing.")
  var sigmaAngle: Double?

  @Option(help: "Milliseconds from measuring to reading a line, for lines without captured_ns.")
  var delay = 0.0

  @Option(
    help: ArgumentHelp(
      "Look for this long how body and device lie to each other, then begin.", valueName: "seconds"))
  var align: Double?

  @Option(help: ArgumentHelp("Where what --align finds is kept, or was.", valueName: "file"))
  var alignment: String?

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  private struct Line: Decodable {
    enum Name: Decodable {
      case text(String)

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(UInt32.self) {
          self = .text(String(number))
        } else {
          self = .text(try container.decode(String.self))
        }
      }
    }
    var device: Name?
    var capturedNs: Int64?
    var position: [Double]
    var orientation: [Double]?
    var sigmaPosition: Double?
    var sigmaOrientation: Double?
    var point: [Double]?
  }

  func run() async throws {
    guard delay >= 0, delay <= 1000 else { throw ValidationError("--delay: 0 to 1000") }
    if align != nil || alignment != nil, device == nil {
      throw ValidationError("name the device that is aligned")
    }
    if let align { guard align >= 1, align <= 600 else { throw ValidationError("--align: 1 to 600") } }
    do {
      let connection = try BridgeConnection(path: socket, clientName: "vrbridge place")
      guard connection.welcome.features.contains("measurements") else {
        throw Failure("the bridge that runs takes no measurements; it is older than this program")
      }
      var (search, placement) = try begin()
      var known: [String: Vrbridge_V1_Device] = [:]
      var (count, refused, number) = (0, 0, 0)
      while let text = readLine() {
        number += 1
        if text.allSatisfy(\.isWhitespace) { continue }
        do {
          let (device, line) = try read(text, &known, connection)
          if let looking = search {
            guard let turn = line.turn, turn.isUnit else {
              throw Failure("has no orientation of length 1, which --align looks at")
            }
            // Without what was asked for, all that follows would be wrong.
            do {
              guard let found = try looking.look(line.captured, turn, slot: Int(device.pageSlot)) else {
                continue
              }
              (search, placement) = (nil, found)
              Terminal.write(found.sentence + "\n")
              if let alignment { try found.write(to: alignment) }
            } catch { throw Stop(reason: error) }
            continue
          }
          try send(message(line, device, placement), connection)
          count += 1
        } catch let stop as Stop {
          throw stop.reason
        } catch BridgeClientError.answered(.forbidden, let message) {
          throw Failure(message)
        } catch let error as BridgeClientError {
          guard case .answered(_, let message) = error else { throw error }
          refused += 1
          // It may have gone and come back under another number.
          known.removeAll()
          complain(number, message)
        } catch let error as Failure {
          refused += 1
          complain(number, error.description)
        } catch {
          refused += 1
          complain(number, Self.reason(error))
        }
      }
      Terminal.write("\(count) measurements taken, \(refused) lines refused\n")
      if search != nil { throw Failure("the lines ended before the device was aligned") }
      if refused > 0 { throw ExitCode.failure }
    } catch let error as BridgeClientError {
      throw Failure(String(describing: error))
    }
  }

  /// Waits where lines come faster than the bridge takes them: a backlog, or a file.
  private func send(_ measurement: Vrbridge_V1_Measurement, _ connection: BridgeConnection) throws {
    var request = Vrbridge_V1_Measure()
    request.measurements = [measurement]
    while true {
      do {
        _ = try connection.request(.measure(request))
        return
      } catch BridgeClientError.answered(.tooOften, _) { usleep(20_000) }
    }
  }

  private func complain(_ line: Int, _ reason: String) {
    FileHandle.standardError.write(Data("line \(line): \(reason)\n".utf8))
  }

  private static func reason(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "'\(context.codingPath.first?.stringValue ?? "the line")' is not what it must be; see 'vrbridge place --help'"
    default: "is not an object of JSON; see 'vrbridge place --help'"
    }
  }

  /// What is looked for in the first lines, and what holds until it is found.
  private func begin() throws -> (AlignmentSearch?, PlaceAlignment) {
    if let align {
      Terminal.write("turn the device about all of its axes for \(Terminal.number(align, 0)) s …\n")
      return (try AlignmentSearch(seconds: align, socket: socket), PlaceAlignment())
    }
    return (nil, try alignment.map { try PlaceAlignment(file: $0) } ?? PlaceAlignment())
  }

  private struct Stop: Error { var reason: any Error }

  /// One line, checked, with what the command line says where it says nothing.
  private struct Reading {
    var captured: Timestamp
    var position: Vector3
    var turn: Quaternion?
    var line: Line
  }

  private func read(
    _ text: String, _ known: inout [String: Vrbridge_V1_Device], _ connection: BridgeConnection
  ) throws -> (Vrbridge_V1_Device, Reading) {
    let now = linux_monotonic_ns()
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let line = try decoder.decode(Line.self, from: Data(text.utf8))
    var name = device
    if case .text(let own) = line.device {
      guard align == nil, alignment == nil else {
        throw Failure("names a device; with an alignment all lines are of the one on the command line")
      }
      name = own
    }
    guard let name else { throw Failure("names no device, and the command line names none") }
    for (key, list, length) in [
      ("position", line.position, 3), ("orientation", line.orientation, 4), ("point", line.point, 3),
    ] {
      if let list, list.count != length { throw Failure("'\(key)' has \(list.count) numbers, not \(length)") }
    }
    let device: Vrbridge_V1_Device
    if let found = known[name] {
      device = found
    } else {
      device = try connection.request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices.named(name)
      known[name] = device
    }
    return (
      device,
      Reading(
        captured: Timestamp(nanoseconds: line.capturedNs ?? now - Int64(delay * 1e6)),
        position: Vector3(line.position[0], line.position[1], line.position[2]),
        turn: line.orientation.map { Quaternion(x: $0[0], y: $0[1], z: $0[2], w: $0[3]) }, line: line)
    )
  }

  private func message(
    _ reading: Reading, _ device: Vrbridge_V1_Device, _ alignment: PlaceAlignment
  ) -> Vrbridge_V1_Measurement {
    let line = reading.line
    let position = alignment.place(reading.position)
    // The bridge says what is wrong with a turn that is none.
    let turn = reading.turn.map { $0.isUnit ? alignment.turn($0) : $0 }
    var message = Vrbridge_V1_Measurement()
    message.deviceID = device.deviceID
    message.capturedNs = alignment.time(reading.captured).nanoseconds
    (message.px, message.py, message.pz) = (position.x, position.y, position.z)
    if let turn { (message.qx, message.qy, message.qz, message.qw) = (turn.x, turn.y, turn.z, turn.w) }
    if let point = line.point {
      (message.pointX, message.pointY, message.pointZ) = (point[0], point[1], point[2])
    }
    message.sigmaPosition = Float(line.sigmaPosition ?? sigma ?? 0)
    message.sigmaOrientation = Float(line.sigmaOrientation ?? sigmaAngle.map { $0 * .pi / 180 } ?? 0)
    return message
  }
}
