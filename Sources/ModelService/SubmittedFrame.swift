/// A frame that a program with its own camera sends.
public struct SubmittedFrame: Sendable {
  /// JPEG.
  public var bytes: [UInt8]
  public var camera: String
  /// CLOCK_MONOTONIC, nanoseconds; nil for the time of arrival.
  public var captured: Int64?
  /// World from head: x y z in metres, then the quaternion x y z w; nil for the tracked head's.
  public var pose: [Double]?
  /// Focal lengths and principal point, in pixels; nil for the default field of view.
  public var intrinsics: [Double]?
}
