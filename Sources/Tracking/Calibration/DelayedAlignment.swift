import Spatial

/// A `HandEyeCalibration` with a tracker whose delay is not known either: the delay with which body and device turn alike is
/// the right one.
public struct DelayedAlignment: Sendable {
  /// s that the tracker's times may be later than the truth; below 0: earlier.
  public static let delays = (-5...15).map { Double($0) * 0.01 }

  private var candidates = delays.map { _ in HandEyeCalibration() }

  public init() {}

  /// Takes the orientation of the body at a time; times rise.
  ///
  /// - Parameter worldFromDevice: returns the orientation by the bridge at a time; nil when unknown.
  public mutating func add(
    _ time: Timestamp, worldFromBody: Quaternion, worldFromDevice: (Timestamp) -> Quaternion?
  ) {
    for (index, delay) in Self.delays.enumerated() {
      guard let device = worldFromDevice(time.advanced(bySeconds: -delay)) else { continue }
      candidates[index].add(time, worldFromBody: worldFromBody, worldFromDevice: device)
    }
  }

  /// - Returns: the alignment, and the seconds that the tracker's times are late.
  public func solve() throws(HandEyeCalibrationError) -> (
    solution: HandEyeCalibration.Solution, delay: Double
  ) {
    // Squared share of the turns that remains, where there were enough turns.
    let left = candidates.map { Self.left($0) }
    // Without a solution the reason is the same for all delays; the candidate without delay gives it.
    let plain = Self.delays.firstIndex(of: 0) ?? 0
    let best = left.indices.min { left[$0] < left[$1] } ?? plain
    let chosen = left[best].isFinite ? best : plain
    let solution = try candidates[chosen].solve()
    var delay = Self.delays[chosen]
    if left.indices.contains(chosen - 1), left.indices.contains(chosen + 1) {
      let (before, here, after) = (left[chosen - 1], left[chosen], left[chosen + 1])
      let bend = before - 2 * here + after
      // The residual grows with the square of the error in time: the minimum of the parabola is the delay.
      if bend.isFinite, bend > 0 {
        let step = Self.delays[1] - Self.delays[0]
        delay += step * (before - after) / (2 * bend)
      }
    }
    return (solution, delay)
  }

  private static func left(_ alignment: HandEyeCalibration) -> Double {
    do throws(HandEyeCalibrationError) {
      let share = try alignment.solve().residualShare
      return share * share
    } catch {
      guard case .doNotMatch(let residual, let turn) = error else { return .infinity }
      return residual * residual / (turn * turn)
    }
  }
}
