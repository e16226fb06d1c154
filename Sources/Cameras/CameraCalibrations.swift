import Spatial
import Synchronization

/// The calibrations of all cameras: configured, of clients, of a replayed session and of the synthetic scene.
final class CameraCalibrations: Sendable {
  private let settings: [CameraSetting]
  private let scene: SyntheticScene?
  /// Focal lengths and principal point of clients' cameras, from their last frames; nil for uncalibrated ones.
  private let clients = Mutex<[String: [Double]?]>([:])
  private let played = Mutex<[String: CameraModel]>([:])

  /// Clients choose the names of cameras, and each name costs memory in every stage.
  private static let maximumClientCameras = 16

  init(settings: [CameraSetting], scene: SyntheticScene?) {
    self.settings = settings
    self.scene = scene
  }

  /// Stores a client's calibration.
  ///
  /// - Returns: false when clients use too many cameras.
  func submit(_ intrinsics: [Double]?, of camera: String) -> Bool {
    let isUsable = intrinsics?.count == 4 && intrinsics?.prefix(2).allSatisfy { $0 > 0 } == true
    return clients.withLock { clients in
      guard clients.count < Self.maximumClientCameras || clients[camera] != nil else { return false }
      clients.updateValue(isUsable ? intrinsics : nil, forKey: camera)
      return true
    }
  }

  func play(_ model: CameraModel, of camera: String) { played.withLock { $0[camera] = model } }

  /// - Returns: nil for an uncalibrated camera.
  func model(of camera: String, width: Int, height: Int) -> CameraModel? {
    if let model = played.withLock({ $0[camera] }) { return model.scaled(width: width, height: height) }
    if let k = clients.withLock({ $0[camera] ?? nil }) {
      return CameraModel(
        width: width, height: height, focalX: k[0], focalY: k[1], centerX: k[2], centerY: k[3])
    }
    if let scene, camera == SyntheticScene.camera { return scene.model }
    return settings.first { $0.model != nil && ($0.device == "auto" || camera.contains($0.device)) }?.model
  }
}
