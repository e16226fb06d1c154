import BridgeClient
import Foundation
import Sensing
import Spatial
import Tracking

/// How the body that a tracker follows lies on a device: found while somebody turns it, and kept in a file.
struct PlaceAlignment {
  /// What the file holds.
  struct File: Codable {
    var deviceFromBody: [Double]
    var levelFromWorld: [Double]
    var residualDegrees: Double
    var turns: Int
  }

  private(set) var solution: BodyAlignment.Solution?
  private var collected = BodyAlignment()
  private let page: PosePageReader?
  /// s that are looked at, from the first line on.
  private let seconds: Double
  private let path: String?
  private var began: Timestamp?

  /// - Parameters:
  ///   - seconds: nil to use what is in the file.
  ///   - path: nil to keep it nowhere.
  init(seconds: Double?, path: String?, socket: String?) throws {
    self.seconds = seconds ?? 0
    self.path = path
    guard seconds == nil else {
      page = try PosePageReader(path: socket)
      Terminal.write("turn the device about all of its axes for \(Terminal.number(self.seconds, 0)) s …\n")
      return
    }
    page = nil
    guard let path else { return }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure("there is no alignment in \(path); make one with --align SECONDS")
    }
    guard let file = try? Self.decoder.decode(File.self, from: data),
      let device = Self.turn(file.deviceFromBody), let level = Self.turn(file.levelFromWorld)
    else { throw Failure("\(path) holds no alignment; make one with --align SECONDS") }
    solution = BodyAlignment.Solution(
      deviceFromBody: device, levelFromWorld: level, residual: file.residualDegrees * .pi / 180,
      turns: file.turns)
  }

  private static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }

  private static func turn(_ values: [Double]) -> Quaternion? {
    guard values.count == 4, values.allSatisfy(\.isFinite) else { return nil }
    let turn = Quaternion(x: values[0], y: values[1], z: values[2], w: values[3])
    return turn.components == .zero ? nil : turn.normalized
  }

  /// Whether lines are still needed to find it.
  var isLooking: Bool { page != nil && solution == nil }

  /// Takes one line while it is looked for.
  mutating func look(_ time: Timestamp, _ worldFromBody: Quaternion, slot: Int) throws {
    guard let page else { return }
    let start = began ?? time
    began = start
    if let state = page.state(slot: slot, at: time) {
      collected.add(time, worldFromBody: worldFromBody, worldFromDevice: state.worldFromDevice.orientation)
    }
    guard time.seconds(since: start) >= seconds else { return }
    let found: BodyAlignment.Solution
    do { found = try collected.solve() } catch { throw Failure(Self.sentence(error)) }
    solution = found
    let degrees = 180 / Double.pi
    Terminal.write(
      "aligned on \(found.turns) turns, \(Terminal.number(found.residual * degrees, 2))° RMS: the tracker's axes lie turned by "
        + "\(Terminal.number(found.deviceFromBody.angle(to: .identity) * degrees, 1))° on the device, its world leans by "
        + "\(Terminal.number(found.levelFromWorld.angle(to: .identity) * degrees, 1))°\n")
    if let path { try save(found, path) }
  }

  private func save(_ found: BodyAlignment.Solution, _ path: String) throws {
    func list(_ turn: Quaternion) -> [Double] { [turn.x, turn.y, turn.z, turn.w] }
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    do {
      try encoder.encode(
        File(
          deviceFromBody: list(found.deviceFromBody), levelFromWorld: list(found.levelFromWorld),
          residualDegrees: found.residual * 180 / .pi, turns: found.turns)
      ).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch { throw Failure("\(path) can't be written: \(error.localizedDescription)") }
  }

  private static func sentence(_ fault: BodyAlignment.Fault) -> String {
    switch fault {
    case .tooFewTurns(let count):
      "\(count) turns were seen where \(BodyAlignment.neededTurns) are needed; turn the device more, or take longer"
    case .oneAxis: "the device was turned about one axis only; turn it about the others too"
    case .doNotMatch(let residual, let turn):
      "the tracker and the device do not turn alike (\(Terminal.number(residual * 180 / .pi, 1))° are left of \(Terminal.number(turn * 180 / .pi, 1))°); is it this device that is followed, and is --delay right?"
    }
  }
}
