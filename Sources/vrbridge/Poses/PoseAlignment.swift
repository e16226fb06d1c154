import CommandSupport
import Foundation
import Spatial
import Tracking

/// Rotation between the body that an external tracker follows and the device, tilt of the tracker's world, and delay of
/// its poses; kept in a file.
struct PoseAlignment: Codable {
  /// Quaternions x, y, z, w.
  private var deviceFromBody = [0.0, 0, 0, 1]
  private var levelFromWorld = [0.0, 0, 0, 1]
  /// Angle between up and the nearest axis of the tracker's world, degrees.
  private var leanDeg = 0.0
  /// Delay of the lines' times, or of those that `--delay` implies.
  private var delayMs = 0.0
  /// Root mean square over the turns, and their number.
  private var residualDeg = 0.0
  private var turns = 0

  /// The identity.
  init() {}

  init(_ solution: HandEyeCalibration.Solution, delay: Double) {
    func list(_ turn: Quaternion) -> [Double] { [turn.x, turn.y, turn.z, turn.w] }
    deviceFromBody = list(solution.deviceFromBody)
    levelFromWorld = list(solution.levelFromWorld)
    leanDeg = solution.lean * 180 / .pi
    delayMs = delay * 1e3
    residualDeg = solution.residual * 180 / .pi
    turns = solution.turns
  }

  init(file: String) throws(CommandError) {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw CommandError(
        "alignment-missing", "there is no alignment in \(file); make one with --align SECONDS")
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let read = try? decoder.decode(Self.self, from: data), Self.turn(read.deviceFromBody) != nil,
      Self.turn(read.levelFromWorld) != nil, abs(read.delayMs) <= 1000
    else {
      throw CommandError("alignment-invalid", "\(file) holds no alignment; make one with --align SECONDS")
    }
    self = read
  }

  func write(to file: String) throws(CommandError) {
    do {
      try Data(JSONLine.pretty(self).utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
    } catch { throw CommandError.unwritable(file, error) }
  }

  private static func turn(_ values: [Double]) -> Quaternion? {
    guard values.count == 4, values.allSatisfy(\.isFinite) else { return nil }
    let turn = Quaternion(x: values[0], y: values[1], z: values[2], w: values[3])
    return turn.components == .zero ? nil : turn.normalized
  }

  private var level: Quaternion { Self.turn(levelFromWorld) ?? .identity }

  /// Returns the time of measurement.
  func time(_ stamp: Timestamp) -> Timestamp { stamp.advanced(bySeconds: -delayMs * 1e-3) }

  /// Returns a position of the tracker's world with Y up.
  func position(_ position: Vector3) -> Vector3 { level.rotate(position) }

  /// Returns world from device for an orientation of the body in the tracker's world.
  func orientation(_ worldFromBody: Quaternion) -> Quaternion {
    (level * worldFromBody * (Self.turn(deviceFromBody) ?? .identity).conjugate).normalized
  }

  /// The result in one sentence.
  var summary: String {
    func angle(_ values: [Double]) -> String {
      Terminal.number((Self.turn(values) ?? .identity).angle(to: .identity) * 180 / .pi, 1)
    }
    return
      "aligned on \(turns) turns, \(Terminal.number(residualDeg, 2))° RMS: body turned by \(angle(deviceFromBody))° on the device, "
      + "world turned by \(angle(levelFromWorld))° to have Y up (up is \(Terminal.number(leanDeg, 1))° off its nearest axis), poses \(Terminal.number(delayMs, 0)) ms late"
  }
}
