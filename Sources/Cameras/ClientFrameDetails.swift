public import Admission
import Spatial

/// What a client states about a frame of its own camera.
public struct ClientFrameDetails: Sendable {
  /// The party whose cameras are counted together.
  public var client: Principal
  /// A name that the client chose.
  public var camera: String
  /// Capture time, CLOCK_MONOTONIC; nil for the time of arrival.
  public var captured: Timestamp?
  /// nil for the pose of the tracked head.
  public var worldFromHead: Pose?
  /// Focal lengths and principal point, in pixels; nil for an uncalibrated camera.
  public var intrinsics: [Double]?

  /// Bytes of a camera's name, at most; the rest is cut off.
  private static let maximumName = 64

  /// - Parameters:
  ///   - client: whose cameras are counted together.
  ///   - captured: nanoseconds; nil for the time of arrival.
  ///   - pose: seven numbers: x y z in metres, then the quaternion x y z w; nil for the tracked head's.
  ///   - intrinsics: four numbers: focal lengths and principal point, in pixels; nil for the default field of view.
  public init(
    client: Principal, camera: String, captured: Int64?, pose: [Double]?, intrinsics: [Double]?
  ) {
    self.client = client
    // Bytes: one character may have thousands of combining marks.
    self.camera = String(decoding: camera.utf8.prefix(Self.maximumName), as: UTF8.self)
    self.captured = captured.map { Timestamp(nanoseconds: $0) }
    self.intrinsics = intrinsics
    if let p = pose, p.count == 7 {
      worldFromHead = Pose(
        position: Vector3(p[0], p[1], p[2]),
        orientation: Quaternion(x: p[3], y: p[4], z: p[5], w: p[6]).normalized)
    }
  }
}
