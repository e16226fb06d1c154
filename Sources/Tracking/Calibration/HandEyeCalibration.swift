import Spatial

/// The rotation between an external tracker's body and a device, and the vertical of the tracker's world, from rotations
/// that both measured.
///
/// The body that an optical tracker follows has axes of its own, and its world may have another axis up than Y. Turns
/// of the body and of the device between the same two moments are the same turn, seen along two sets of axes: the
/// rotation between those is Wahba's problem (1965), solved with Horn's quaternion (1987). Gravity, which the device
/// measures, then gives the vertical of the tracker's world.
public struct HandEyeCalibration: Sendable {
  public struct Solution: Sendable, Equatable {
    /// From the body's axes to the device's.
    public var deviceFromBody: Quaternion
    /// From the tracker's world to one with Y up; turns no further than it must. Exactly from an axis where up is hardly
    /// off it: all devices of one tracker are to have one world, and its makers levelled it better than this can.
    public var levelFromWorld: Quaternion
    /// rad: how far up, as it was found, is off the nearest axis of the tracker's world.
    public var lean: Double
    /// rad, root mean square over the turns: the difference that remains.
    public var residual: Double
    /// The same as a share of the turns.
    public var residualShare: Double
    /// Turns that it rests on.
    public var turns: Int
  }

  /// rad: a turn is taken when it is as large; of so many at least.
  public static let smallestTurn = 0.1
  public static let neededTurns = 20
  /// s: moments further apart contain drift.
  private static let longestTurn = 1.0
  /// Share of the turns that may be left over: a wrong delay, or another device.
  private static let worstResidual = 0.15

  /// rad: up that is less far off an axis is taken for that axis.
  private static let smallestLean = 2 * Double.pi / 180

  private struct Moment {
    var time: Timestamp
    var worldFromBody: Quaternion
    var worldFromDevice: Quaternion
  }
  private var last: Moment?
  private var moments: [Moment] = []
  private var pairs: [(body: Vector3, device: Vector3)] = []

  public init() {}

  /// Takes both orientations at one time; times rise.
  ///
  /// - Parameters:
  ///   - worldFromBody: by the tracker, in its world.
  ///   - worldFromDevice: by the bridge, Y up.
  public mutating func add(_ time: Timestamp, worldFromBody: Quaternion, worldFromDevice: Quaternion) {
    let moment = Moment(time: time, worldFromBody: worldFromBody, worldFromDevice: worldFromDevice)
    guard let last, time.seconds(since: last.time) < Self.longestTurn, time > last.time else {
      last = moment
      return
    }
    let device = (last.worldFromDevice.conjugate * worldFromDevice).rotationVector
    guard device.length >= Self.smallestTurn else { return }
    let body = (last.worldFromBody.conjugate * worldFromBody).rotationVector
    self.last = moment
    guard body.isFinite, device.isFinite else { return }
    pairs.append((body, device))
    moments.append(moment)
  }

  public func solve() throws(HandEyeCalibrationError) -> Solution {
    guard pairs.count >= Self.neededTurns else { throw .tooFewTurns(pairs.count) }
    // Products of the components of all turns; as in Horn's paper, S[i][j] = Σ body_i · device_j.
    var s = [[Double]](repeating: [0, 0, 0], count: 3)
    var spread = Matrix3.zero
    var turned = 0.0
    for (body, device) in pairs {
      for i in 0..<3 { for j in 0..<3 { s[i][j] += body[i] * device[j] } }
      spread += Matrix3(device * device.x, device * device.y, device * device.z)
      turned += device.squaredLength
    }
    // The second invariant is the sum of products of two eigenvalues each: nothing when there is but one.
    let squares =
      spread.row0.squaredLength + spread.row1.squaredLength + spread.row2.squaredLength
    guard (turned * turned - squares) / 2 > 0.03 * turned * turned else { throw .oneAxis }
    let deviceFromBody = Self.largestEigenvector([
      [s[0][0] + s[1][1] + s[2][2], s[1][2] - s[2][1], s[2][0] - s[0][2], s[0][1] - s[1][0]],
      [s[1][2] - s[2][1], s[0][0] - s[1][1] - s[2][2], s[0][1] + s[1][0], s[2][0] + s[0][2]],
      [s[2][0] - s[0][2], s[0][1] + s[1][0], s[1][1] - s[0][0] - s[2][2], s[1][2] + s[2][1]],
      [s[0][1] - s[1][0], s[2][0] + s[0][2], s[1][2] + s[2][1], s[2][2] - s[0][0] - s[1][1]],
    ])
    let left = pairs.reduce(0) { $0 + ($1.device - deviceFromBody.rotate($1.body)).squaredLength }
    let count = Double(pairs.count)
    let residual = (left / count).squareRoot()
    let turn = (turned / count).squareRoot()
    guard residual < Self.worstResidual * turn else { throw .doNotMatch(residual: residual, turn: turn) }

    var up = Vector3.zero
    for moment in moments {
      let upOfDevice = moment.worldFromDevice.conjugate.rotate(Vector3(0, 1, 0))
      up += moment.worldFromBody.rotate(deviceFromBody.conjugate.rotate(upOfDevice))
    }
    let axes = [
      Vector3(0, 1, 0), Vector3(0, 0, 1), Vector3(1, 0, 0), Vector3(0, -1, 0), Vector3(0, 0, -1),
      Vector3(-1, 0, 0),
    ]
    let axis = axes.max { $0.dot(up) < $1.dot(up) } ?? up
    let lean = Quaternion(from: up, to: axis).angle(to: .identity)
    return Solution(
      deviceFromBody: deviceFromBody,
      levelFromWorld: Quaternion(from: lean < Self.smallestLean ? axis : up, to: Vector3(0, 1, 0)),
      lean: lean, residual: residual, residualShare: residual / turn, turns: pairs.count)
  }

  /// Of a symmetric matrix in the order w, x, y, z, by squaring it: each squaring doubles the power that the largest
  /// eigenvalue is raised to against the others.
  private static func largestEigenvector(_ matrix: [[Double]]) -> Quaternion {
    // The largest is to be the largest in size too.
    let bound = matrix.map { $0.reduce(0) { $0 + abs($1) } }.max() ?? 1
    var power = matrix
    for i in 0..<4 { power[i][i] += bound }
    for _ in 0..<40 {
      var square = power
      var largest = 0.0
      for i in 0..<4 {
        for j in 0..<4 {
          square[i][j] = (0..<4).reduce(0) { $0 + power[i][$1] * power[$1][j] }
          largest = max(largest, abs(square[i][j]))
        }
      }
      power = square.map { $0.map { $0 / largest } }
    }
    // Every column is the vector, each with another length.
    let column = (0..<4).max { abs(power[$0][$0]) < abs(power[$1][$1]) } ?? 0
    return Quaternion(
      x: power[1][column], y: power[2][column], z: power[3][column], w: power[0][column]
    ).normalized
  }
}
