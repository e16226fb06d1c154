import BridgeClient
import Foundation
import Sensing
import Spatial
import Tracking

/// How the body that a tracker follows lies on a device, how its world leans and how late it is: found while somebody
/// turns the device, and kept in a file.
struct PlaceAlignment: Codable {
  /// Quaternions x, y, z, w.
  private var deviceFromBody = [0.0, 0, 0, 1]
  private var levelFromWorld = [0.0, 0, 0, 1]
  /// How far up was off the nearest axis of the tracker's world.
  private var leanDeg = 0.0
  /// Of the times that the lines have, or that `--delay` gives them.
  private var delayMs = 0.0
  /// Root mean square over the turns, and how many there were.
  private var residualDeg = 0.0
  private var turns = 0

  /// What changes nothing.
  init() {}

  init(_ solution: BodyAlignment.Solution, delay: Double) {
    func list(_ turn: Quaternion) -> [Double] { [turn.x, turn.y, turn.z, turn.w] }
    deviceFromBody = list(solution.deviceFromBody)
    levelFromWorld = list(solution.levelFromWorld)
    leanDeg = solution.lean * 180 / .pi
    delayMs = delay * 1e3
    residualDeg = solution.residual * 180 / .pi
    turns = solution.turns
  }

  init(file: String) throws(Failure) {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw Failure("there is no alignment in \(file); make one with --align SECONDS")
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let read = try? decoder.decode(Self.self, from: data), Self.turn(read.deviceFromBody) != nil,
      Self.turn(read.levelFromWorld) != nil, abs(read.delayMs) <= 1000
    else { throw Failure("\(file) holds no alignment; make one with --align SECONDS") }
    self = read
  }

  func write(to file: String) throws(Failure) {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    do { try encoder.encode(self).write(to: URL(fileURLWithPath: file), options: .atomic) } catch {
      throw Failure("\(file) can't be written: \(error.localizedDescription)")
    }
  }

  private static func turn(_ values: [Double]) -> Quaternion? {
    guard values.count == 4, values.allSatisfy(\.isFinite) else { return nil }
    let turn = Quaternion(x: values[0], y: values[1], z: values[2], w: values[3])
    return turn.components == .zero ? nil : turn.normalized
  }

  private var level: Quaternion { Self.turn(levelFromWorld) ?? .identity }

  func time(_ told: Timestamp) -> Timestamp { told.advanced(bySeconds: -delayMs * 1e-3) }

  func place(_ told: Vector3) -> Vector3 { level.rotate(told) }

  /// World from device, of a body in the tracker's world.
  func turn(_ told: Quaternion) -> Quaternion {
    (level * told * (Self.turn(deviceFromBody) ?? .identity).conjugate).normalized
  }

  var sentence: String {
    func angle(_ values: [Double]) -> String {
      Terminal.number((Self.turn(values) ?? .identity).angle(to: .identity) * 180 / .pi, 1)
    }
    return
      "aligned on \(turns) turns, \(Terminal.number(residualDeg, 2))° RMS: the body's axes lie turned by \(angle(deviceFromBody))° on the device, "
      + "its world is turned by \(angle(levelFromWorld))° to have Y up (up is \(Terminal.number(leanDeg, 1))° off an axis of it), its times are \(Terminal.number(delayMs, 0)) ms late"
  }
}

/// Looks for an alignment in the lines of the first seconds.
final class AlignmentSearch {
  private var collected = DelayedAlignment()
  private let page: PosePageReader
  private let seconds: Double
  private var began: Timestamp?

  init(seconds: Double, socket: String?) throws {
    self.seconds = seconds
    page = try PosePageReader(path: socket)
  }

  /// Takes one line.
  ///
  /// - Returns: what was found, once the seconds are over.
  /// - Throws: why there is nothing.
  func look(_ time: Timestamp, _ worldFromBody: Quaternion, slot: Int) throws(Failure) -> PlaceAlignment? {
    let start = began ?? time
    began = start
    collected.add(time, worldFromBody: worldFromBody) { time in
      // What is foreseen was not seen.
      guard let state = page.state(slot: slot, at: time), !state.flags.contains(.predicted) else {
        return nil
      }
      return state.worldFromDevice.orientation
    }
    guard time.seconds(since: start) >= seconds else { return nil }
    do {
      let (solution, delay) = try collected.solve()
      return PlaceAlignment(solution, delay: delay)
    } catch { throw Failure(Self.sentence(error)) }
  }

  private static func sentence(_ fault: BodyAlignment.Fault) -> String {
    func degrees(_ angle: Double) -> String { Terminal.number(angle * 180 / .pi, 1) }
    return switch fault {
    case .tooFewTurns(let count):
      "\(count) turns were seen where \(BodyAlignment.neededTurns) are needed; turn the device more, or take longer"
    case .oneAxis: "the device was turned about one axis only; turn it about the others too"
    case .doNotMatch(let residual, let turn):
      "the tracker and the device do not turn alike (\(degrees(residual))° are left of \(degrees(turn))°); is it this device that is followed?"
    }
  }
}
