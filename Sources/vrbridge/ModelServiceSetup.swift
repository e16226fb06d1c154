import Bridge
import CLinux
import Cameras
import Foundation
import Inference
import Logging
import ModelService
import Sensing
import ServiceLifecycle
import Spatial

/// Joins the HTTP service to a bridge as the configuration says.
enum ModelServiceSetup {
  static func remoteEngine(_ configuration: Configuration, log: Logger) -> RemoteEngine {
    RemoteEngine(local: OpenVINOEngine(folder: configuration.models.value.runtime)) { log.warning("\($0)") }
  }

  static func service(_ configuration: Configuration, _ daemon: Daemon, log: Logger) throws -> ModelServer? {
    let settings = configuration.http.value
    guard let text = settings.address else { return nil }
    guard let address = ServiceOptions.Address(text) else {
      throw Failure("the address of the HTTP service '\(text)' is neither HOST:PORT nor a path")
    }
    var options = ServiceOptions(address: address)
    options.maximumBody = settings.maximumBody
    options.requestsPerSecond = settings.requestsPerSecond
    let environment = ProcessInfo.processInfo.environment
    do {
      for token in settings.tokens {
        options.tokens.append(
          ServiceOptions.Token(
            secret: try HTTPSettings.secret(token.file, environment: environment), models: Set(token.models),
            manages: token.manages))
      }
      if let certificate = settings.certificate, let key = settings.key {
        options.tls = ServiceOptions.TLS(certificate: certificate, key: key)
      }
      return try ModelServer(
        options, host: daemon.models, product: ProductVersion.text, log: log,
        frames: { submit($0, to: daemon.cameras) })
    } catch {
      throw Failure(String(describing: error))
    }
  }

  private static func submit(_ frame: SubmittedFrame, to cameras: CameraService) -> Bool {
    let now = Timestamp(nanoseconds: linux_monotonic_ns())
    var pose: Pose?
    if let p = frame.pose {
      pose = Pose(
        position: Vector3(p[0], p[1], p[2]),
        orientation: Quaternion(x: p[3], y: p[4], z: p[5], w: p[6]).normalized)
    }
    return cameras.submit(
      CameraFrame(
        camera: frame.camera, format: .mjpeg, width: 0, height: 0, stride: 0, bytes: frame.bytes,
        captured: frame.captured.map { Timestamp(nanoseconds: $0) } ?? now, received: now, worldFromHead: pose
      ),
      intrinsics: frame.intrinsics)
  }
}
