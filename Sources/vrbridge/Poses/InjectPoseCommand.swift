import ArgumentParser
import BridgeClient
import BridgeProtocol
import CLinux
import CommandSupport
import Foundation
import Sensing
import Spatial
import Tracking

struct InjectPoseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inject-pose",
    abstract: "Send poses that an external tracker measured to the running bridge.",
    discussion: discussion(
      """
      Reads JSON objects from standard input, one per line:

        {"device": "head", "captured_ns": 81234567890, "position": [0.1, 1.6, -0.2]}

      device: number, serial number or role; may be an argument instead. captured_ns: time of measurement \
      (CLOCK_MONOTONIC); without it, --delay before the line is read. position: metres, Y up. orientation (optional): \
      x, y, z, w, world from device. Also sigma_position (m), sigma_orientation (rad), and point, the measured point \
      in the device's axes (m). The bridge fuses the poses with the device's IMU, also late poses and poses out of order.

      --align estimates the rotation between tracked body and device, the tilt of the tracker's world and the delay \
      while you turn the device; --alignment stores the result in a file and reads it the next time.
      """,
      examples: "my-tracker | vrbridge inject-pose head --sigma 0.002",
      "my-tracker | vrbridge inject-pose head --align 20 --alignment head.json"))

  @Argument(help: ArgumentHelp("Device for lines without 'device'.", valueName: "device"))
  var device: String?

  @Option(
    help: ArgumentHelp(
      "Use this standard deviation per axis of a position, in metres, for lines without one (default: the bridge's).",
      valueName: "metres"))
  var sigma: Double?

  @Option(
    help: ArgumentHelp(
      "Use this standard deviation per axis of an orientation, in degrees, for lines without one (default: the bridge's).",
      valueName: "degrees"))
  var sigmaAngle: Double?

  @Option(
    help:
      "Assume this delay in ms, 0 to 1000, between measuring and reading a line, for lines without captured_ns."
  )
  var delay = 0.0

  @Option(
    help: ArgumentHelp(
      "Align body and device for this many seconds, 1 to 600, then begin (default: no alignment).",
      valueName: "seconds"))
  var align: Double?

  @Option(
    help: ArgumentHelp(
      "Write the alignment of --align to this file, or read it without --align (default: none).",
      valueName: "file"), completion: .file())
  var alignment: String?

  @Option(help: .socket, completion: .file())
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
      throw ValidationError("--align and --alignment need a device")
    }
    if let align { guard align >= 1, align <= 600 else { throw ValidationError("--align: 1 to 600") } }
    let connection = try BridgeConnection(path: socket, clientName: "vrbridge inject-pose")
    guard connection.welcome.features.contains("measurements") else {
      throw CommandError(
        "measurements-unsupported",
        "the running bridge accepts no external poses: it is older than this program")
    }
    var (search, placement) = try begin()
    var known: [String: DeviceStatus] = [:]
    var (count, refused, number) = (0, 0, 0)
    while let text = readLine() {
      number += 1
      if text.allSatisfy(\.isWhitespace) { continue }
      do {
        let (device, line) = try read(text, &known, connection)
        if let looking = search {
          guard let turn = line.turn, turn.isUnit else {
            throw CommandError("measurement-invalid", "has no orientation of length 1, which --align needs")
          }
          // A failed alignment would make all later poses wrong.
          do {
            guard let found = try looking.add(line.captured, turn, slot: device.pageIndex) else {
              continue
            }
            (search, placement) = (nil, found)
            Terminal.write(found.summary + "\n")
            if let alignment { try found.write(to: alignment) }
          } catch { throw InterruptedError(reason: error) }
          continue
        }
        try send(message(line, device, placement), connection)
        count += 1
      } catch let stop as InterruptedError {
        throw stop.reason
      } catch let error as BridgeClientError {
        let reason = try Self.refusal(error)
        refused += 1
        // The device may have reconnected under another number.
        known.removeAll()
        complain(number, reason)
      } catch let error as CommandError {
        refused += 1
        complain(number, error.description)
      } catch {
        refused += 1
        complain(number, Self.reason(error))
      }
    }
    Terminal.write("\(count) measurements taken, \(refused) lines refused\n")
    if search != nil {
      throw CommandError("alignment-failed", "the lines ended before the device was aligned")
    }
    if refused > 0 { throw ExitCode.couldNot }
  }

  /// Waits when lines arrive faster than the bridge accepts them: a backlog, or a file.
  private func send(_ measurement: Vrbridge_V1_Measurement, _ connection: BridgeConnection) throws {
    var request = Vrbridge_V1_Measure()
    request.measurements = [measurement]
    while true {
      do {
        _ = try connection.request(.measure(request))
        return
      } catch {
        // Written out: the compiler of 6.3 fails on a typed error that leaves such a statement by itself.
        guard case .answered(let reply) = error, reply.category == .tooOften else { throw error }
        usleep(20_000)
      }
    }
  }

  private func complain(_ line: Int, _ reason: String) {
    Terminal.complain("line \(line): \(reason)")
  }

  private static func reason(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "'\(context.codingPath.first?.stringValue ?? "the line")' has the wrong type; see 'vrbridge inject-pose --help'"
    default: "is no JSON object; see 'vrbridge inject-pose --help'"
    }
  }

  /// Returns why the bridge refused one measurement; throws what would refuse all others, too.
  private static func refusal(_ error: BridgeClientError) throws -> String {
    guard case .answered(let reply) = error else { throw error }
    if reply.category == .forbidden {
      throw CommandError(reply.code.isEmpty ? "forbidden" : reply.code, reply.message)
    }
    return reply.message
  }

  /// Returns the search for an alignment, and the alignment to use until it ends.
  private func begin() throws -> (AlignmentSearch?, PoseAlignment) {
    if let align {
      Terminal.write("turn the device about all of its axes for \(Terminal.number(align, 0)) s …\n")
      return (try AlignmentSearch(seconds: align, socket: socket), PoseAlignment())
    }
    return (nil, try alignment.map { try PoseAlignment(file: $0) } ?? PoseAlignment())
  }

  /// Ends the loop over the lines, with its cause.
  private struct InterruptedError: Error { var reason: any Error }

  /// One checked line, with values of the command line for missing ones.
  private struct Reading {
    var captured: Timestamp
    var position: Vector3
    var turn: Quaternion?
    var line: Line
  }

  private func find(_ name: String, _ connection: BridgeConnection) throws -> DeviceStatus {
    let devices = try connection.devices()
    return try devices.named(name)
  }

  private func read(
    _ text: String, _ known: inout [String: DeviceStatus], _ connection: BridgeConnection
  ) throws -> (DeviceStatus, Reading) {
    let now = linux_monotonic_ns()
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let line = try decoder.decode(Line.self, from: Data(text.utf8))
    var name = device
    if case .text(let own) = line.device {
      guard align == nil, alignment == nil else {
        throw CommandError(
          "measurement-invalid", "names a device; with an alignment the device is an argument")
      }
      name = own
    }
    guard let name else {
      throw CommandError("measurement-invalid", "names no device, and none is given as argument")
    }
    for (key, list, length) in [
      ("position", line.position, 3), ("orientation", line.orientation, 4), ("point", line.point, 3),
    ] {
      if let list, list.count != length {
        throw CommandError("measurement-invalid", "'\(key)' has \(list.count) numbers, not \(length)")
      }
    }
    let device = try known[name] ?? find(name, connection)
    known[name] = device
    return (
      device,
      Reading(
        captured: Timestamp(nanoseconds: line.capturedNs ?? now - Int64(delay * 1e6)),
        position: Vector3(line.position[0], line.position[1], line.position[2]),
        turn: line.orientation.map { Quaternion(x: $0[0], y: $0[1], z: $0[2], w: $0[3]) }, line: line)
    )
  }

  private func message(
    _ reading: Reading, _ device: DeviceStatus, _ alignment: PoseAlignment
  ) -> Vrbridge_V1_Measurement {
    let line = reading.line
    let position = alignment.position(reading.position)
    // An orientation of another length is passed on: the bridge refuses it with a reason.
    let turn = reading.turn.map { $0.isUnit ? alignment.orientation($0) : $0 }
    var message = Vrbridge_V1_Measurement()
    message.deviceID = device.id.number
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
