import Admission
import CLinux
import Spatial
import Synchronization

/// The calibrations of all cameras: configured, of clients, of a replayed session and of the synthetic scene.
final class CameraCalibrations: Sendable {
  private let settings: [CameraSetting]
  private let scene: SyntheticScene?
  private let clients = Mutex(ClientCameras())
  private let played = Mutex<[String: CameraModel]>([:])

  init(settings: [CameraSetting], scene: SyntheticScene?) {
    self.settings = settings
    self.scene = scene
  }

  /// Stores the calibration of a client's frame.
  ///
  /// - Returns: false when clients, or this one, use too many cameras.
  func submit(_ intrinsics: [Double]?, of camera: String, by client: Principal) -> Bool {
    clients.withLock {
      $0.submit(intrinsics?.count == 4 ? intrinsics : nil, of: camera, by: client, at: linux_monotonic_ns())
    }
  }

  func play(_ model: CameraModel, of camera: String) { played.withLock { $0[camera] = model } }

  /// - Returns: nil for an uncalibrated camera.
  func model(of camera: String, width: Int, height: Int) -> CameraModel? {
    if let model = played.withLock({ $0[camera] }) { return model.scaled(width: width, height: height) }
    if let k = clients.withLock({ $0.intrinsics(of: camera) }) {
      return CameraModel(
        width: width, height: height, focalX: k[0], focalY: k[1], centerX: k[2], centerY: k[3])
    }
    if let scene, camera == SyntheticScene.camera { return scene.model }
    return settings.first { $0.model != nil && ($0.device == "auto" || camera.contains($0.device)) }?.model
  }
}
