import ArgumentParser
import BridgeClient
import BridgeProtocol
import CLinux
import Foundation

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
      """)

  @Argument(help: ArgumentHelp("The device that lines without one are of.", valueName: "device"))
  var device: String?

  @Option(help: "Deviation of each axis of a position, m, where a line says nothing.")
  var sigma: Double?

  @Option(help: "Deviation of each axis of an orientation, degrees, where a line says nothing.")
  var sigmaAngle: Double?

  @Option(help: "Milliseconds from measuring to reading a line, for lines without captured_ns.")
  var delay = 0.0

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
    do {
      let connection = try BridgeConnection(path: socket, clientName: "vrbridge place")
      guard connection.welcome.features.contains("measurements") else {
        throw Failure("the bridge that runs takes no measurements; it is older than this program")
      }
      var numbers: [String: UInt32] = [:]
      var (count, refused, number) = (0, 0, 0)
      while let text = readLine() {
        number += 1
        if text.allSatisfy(\.isWhitespace) { continue }
        do {
          var request = Vrbridge_V1_Measure()
          request.measurements = [try measurement(text, &numbers, connection)]
          _ = try connection.request(.measure(request))
          count += 1
        } catch BridgeClientError.answered(.forbidden, let message) {
          throw Failure(message)
        } catch let error as BridgeClientError {
          guard case .answered(_, let message) = error else { throw error }
          refused += 1
          // It may have gone and come back under another number.
          numbers.removeAll()
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
      if refused > 0 { throw ExitCode.failure }
    } catch let error as BridgeClientError {
      throw Failure(String(describing: error))
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

  private func measurement(
    _ text: String, _ numbers: inout [String: UInt32], _ connection: BridgeConnection
  ) throws -> Vrbridge_V1_Measurement {
    let now = linux_monotonic_ns()
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let line = try decoder.decode(Line.self, from: Data(text.utf8))
    var name = device
    if case .text(let own) = line.device { name = own }
    guard let name else { throw Failure("names no device, and the command line names none") }
    for (key, list, length) in [
      ("position", line.position, 3), ("orientation", line.orientation, 4), ("point", line.point, 3),
    ] {
      if let list, list.count != length { throw Failure("'\(key)' has \(list.count) numbers, not \(length)") }
    }
    if numbers[name] == nil {
      let devices = try connection.request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices
      numbers[name] = try devices.named(name).deviceID
    }
    var message = Vrbridge_V1_Measurement()
    message.deviceID = numbers[name] ?? 0
    message.capturedNs = line.capturedNs ?? now - Int64(delay * 1e6)
    (message.px, message.py, message.pz) = (line.position[0], line.position[1], line.position[2])
    if let turn = line.orientation {
      (message.qx, message.qy, message.qz, message.qw) = (turn[0], turn[1], turn[2], turn[3])
    }
    if let point = line.point {
      (message.pointX, message.pointY, message.pointZ) = (point[0], point[1], point[2])
    }
    message.sigmaPosition = Float(line.sigmaPosition ?? sigma ?? 0)
    message.sigmaOrientation = Float(line.sigmaOrientation ?? sigmaAngle.map { $0 * .pi / 180 } ?? 0)
    return message
  }
}
