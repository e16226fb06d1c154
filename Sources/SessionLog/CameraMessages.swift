import Foundation
import MCAP
import Spatial
import SwiftProtobuf

/// A camera model in a session: intrinsics as a `foxglove.CameraCalibration`, extrinsics as a
/// `foxglove.FrameTransform`.
///
/// Foxglove's cameras look along +Z with Y down (as OpenCV's); vrbridge's along −Z with Y up: half a turn about X.
public enum CameraMessages {
  package static let opticalFrame = Pose(position: .zero, orientation: Quaternion(x: 1, y: 0, z: 0, w: 0))

  public static func calibration(
    _ model: CameraModel, camera: String, at time: Timestamp
  ) -> Foxglove_CameraCalibration {
    .with {
      $0.timestamp = time.protobuf
      $0.frameID = camera
      $0.width = UInt32(clamping: model.width)
      $0.height = UInt32(clamping: model.height)
      $0.k = [model.focalX, 0, model.centerX, 0, model.focalY, model.centerY, 0, 0, 1]
      $0.r = [1, 0, 0, 0, 1, 0, 0, 0, 1]
      $0.p = [model.focalX, 0, model.centerX, 0, 0, model.focalY, model.centerY, 0, 0, 0, 1, 0]
      switch model.distortion {
      case .none:
        $0.distortionModel = "plumb_bob"
        $0.d = [0, 0, 0, 0, 0]
      case .radialTangential(let k1, let k2, let p1, let p2, let k3):
        $0.distortionModel = "plumb_bob"
        $0.d = [k1, k2, p1, p2, k3]
      case .fisheye(let k1, let k2, let k3, let k4):
        $0.distortionModel = "kannala_brandt"
        $0.d = [k1, k2, k3, k4]
      }
    }
  }

  /// - Parameters:
  ///   - parentFromCamera: pose in vrbridge's axes.
  ///   - parent: the frame that the camera is mounted on.
  public static func transform(
    _ parentFromCamera: Pose, parent: String, camera: String, at time: Timestamp
  ) -> Foxglove_FrameTransform {
    let pose = parentFromCamera * opticalFrame
    return .with {
      $0.timestamp = time.protobuf
      $0.parentFrameID = parent
      $0.childFrameID = camera
      $0.translation = pose.position.foxglove
      $0.rotation = pose.orientation.foxglove
    }
  }

  /// - Parameter mount: the camera's pose on the head; nil for the head's own pose.
  /// - Returns: nil for invalid numbers, which a file may hold.
  public static func model(
    _ calibration: Foxglove_CameraCalibration, mount: Foxglove_FrameTransform?
  ) -> CameraModel? {
    let (k, d) = (calibration.k, calibration.d)
    guard k.count == 9, (k + d).allSatisfy(\.isFinite), k[0] > 0, k[4] > 0, calibration.width > 0,
      calibration.height > 0, calibration.width <= 1 << 16, calibration.height <= 1 << 16
    else { return nil }
    let distortion: CameraModel.Distortion
    switch (calibration.distortionModel, d.count) {
    case (_, 0): distortion = .none
    case ("plumb_bob", 5) where d.allSatisfy { $0 == 0 }: distortion = .none
    case ("plumb_bob", 5):
      distortion = .radialTangential(k1: d[0], k2: d[1], p1: d[2], p2: d[3], k3: d[4])
    case ("kannala_brandt", 4): distortion = .fisheye(k1: d[0], k2: d[1], k3: d[2], k4: d[3])
    default: return nil
    }
    var headFromCamera = Pose.identity
    if let mount {
      let (t, r) = (mount.translation, mount.rotation)
      let rotation = Quaternion(x: r.x, y: r.y, z: r.z, w: r.w)
      let position = Vector3(t.x, t.y, t.z)
      guard position.isFinite, rotation.isFinite, abs(r.x * r.x + r.y * r.y + r.z * r.z + r.w * r.w - 1) < 0.5
      else { return nil }
      headFromCamera =
        Pose(position: position, orientation: rotation.normalized) * opticalFrame.inverse
    }
    return CameraModel(
      width: Int(calibration.width), height: Int(calibration.height), focalX: k[0], focalY: k[4],
      centerX: k[2], centerY: k[5], distortion: distortion, headFromCamera: headFromCamera)
  }
}

extension SessionWriter {
  /// Writes a camera's intrinsics and extrinsics.
  ///
  /// - Parameter parent: the frame of the device that the camera is mounted on.
  public func write(
    model: CameraModel, camera: String, parent: String, at time: Timestamp
  ) throws(OutputError) {
    try write(
      CameraMessages.transform(model.headFromCamera, parent: parent, camera: camera, at: time),
      on: .cameraMount(camera: camera), at: time)
    try write(
      CameraMessages.calibration(model, camera: camera, at: time), on: .cameraCalibration(camera: camera),
      at: time
    )
  }
}
