import Sensing
import Spatial

/// Limits the measurements of each device (token bucket): as many as the fastest trackers supply, and no more than the
/// tracking thread has time for beside its reports.
struct MeasurementAllowance: Sendable {
  /// Per second and device, on average.
  static let rate = 500.0
  /// At once, after a pause.
  static let burst = 100.0

  private var left: [DeviceID: (count: Double, time: Timestamp)] = [:]

  /// Takes one measurement for each of these devices.
  ///
  /// - Returns: the first device that has none left; no measurement is then taken.
  mutating func take(_ devices: [DeviceID], at now: Timestamp) -> DeviceID? {
    var next = left
    for device in devices {
      let known = next[device] ?? (Self.burst, now)
      let count = min(Self.burst, known.count + max(0, now.seconds(since: known.time)) * Self.rate)
      guard count >= 1 else { return device }
      next[device] = (count - 1, now)
    }
    left = next
    return nil
  }
}
