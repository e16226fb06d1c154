import Admission

/// The cameras that clients name when they submit frames, with their calibrations.
///
/// Each name costs memory in every stage. Policy: names are limited, in all and for each client; one that is idle is freed
/// for others.
struct ClientCameras: Sendable {
  private struct Entry {
    /// Focal lengths and principal point; nil for an uncalibrated camera.
    var intrinsics: [Double]?
    /// The client that named the camera.
    var client: Principal
    var used: Int64
  }
  private var entries: [String: Entry] = [:]

  static let maximum = 16
  static let maximumOfClient = 12
  /// Nanoseconds without a frame after which a name is freed.
  static let idleTime: Int64 = 60_000_000_000

  /// Stores the calibration of a client's frame.
  ///
  /// - Parameter now: CLOCK_MONOTONIC, nanoseconds.
  /// - Returns: false when too many cameras are in use.
  mutating func submit(_ intrinsics: [Double]?, of camera: String, by client: Principal, at now: Int64)
    -> Bool
  {
    if var entry = entries[camera] {
      entry.intrinsics = intrinsics
      entry.used = now
      entries[camera] = entry
      return true
    }
    entries = entries.filter { now - $0.value.used < Self.idleTime }
    guard entries.count < Self.maximum,
      entries.values.count(where: { $0.client == client }) < Self.maximumOfClient
    else { return false }
    entries[camera] = Entry(intrinsics: intrinsics, client: client, used: now)
    return true
  }

  /// Focal lengths and principal point of a camera; nil for an uncalibrated one.
  func intrinsics(of camera: String) -> [Double]? { entries[camera]?.intrinsics }

  var names: [String] { entries.keys.sorted() }
}
