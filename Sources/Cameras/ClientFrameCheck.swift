import CLinux

extension ClientFrameDetails {
  /// Age of a frame, at most, in nanoseconds: poses of the head are not kept longer.
  private static let maximumAge: Int64 = 10_000_000_000
  /// How far in the future a capture time may be, in nanoseconds: a camera may stamp the end of an exposure that lasts.
  private static let maximumLead: Int64 = 1_000_000_000

  /// Returns what is wrong with the numbers that a client states about a frame; nil for usable ones.
  ///
  /// - Parameters:
  ///   - captured: nanoseconds of CLOCK_MONOTONIC; nil for the time of arrival.
  ///   - pose: x y z in metres, then the quaternion x y z w.
  ///   - intrinsics: focal lengths and principal point, in pixels.
  public static func problem(
    captured: Int64?, pose: [Double]?, intrinsics: [Double]?, now: Int64 = linux_monotonic_ns()
  ) -> String? {
    if let captured, captured <= now - maximumAge || captured > now + maximumLead {
      return
        "captured_ns is \(captured), and CLOCK_MONOTONIC is \(now): a frame is at most 10 s old; stamp it with that clock, or leave the time out"
    }
    if let pose, pose.count == 7 {
      let length = pose[3...].reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard length > 0.1, length.isFinite else {
        return
          "the quaternion of the pose has the length \(length), so it is no rotation; identity is 0,0,0,1"
      }
    }
    if let intrinsics, intrinsics.count == 4, let focal = intrinsics.prefix(2).first(where: { $0 <= 0 }) {
      return
        "a focal length of the intrinsics is \(focal) pixels; both are above 0: leave the intrinsics out for an uncalibrated camera"
    }
    return nil
  }
}
