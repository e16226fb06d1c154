import Authorisation
import BridgeProtocol
import CLinux
import Cameras
import Inference
import LiveState
import Perception
import Sensing
import SessionLog
import Spatial
import TrackingPipeline

/// The state of the running daemon, for outputs.
struct LiveBridgeState: BridgeState {
  /// What the daemon decides for outputs.
  struct Policy: Sendable {
    /// Scopes of users of this machine, and the policy that decides on all actions.
    var access: ClientAccess
    /// Path of a recording that is started without one.
    var recordingPath: @Sendable () -> String
    /// Why the daemon cannot do its work; nil while it can.
    var problem: @Sendable () -> String?
  }

  let manager: DeviceManager
  let page: PosePage
  let cameras: CameraService
  let models: ModelHost
  let recordingControl: RecordingControl
  let channels: LiveChannels
  let policy: Policy

  var now: Timestamp { Timestamp(nanoseconds: linux_monotonic_ns()) }

  var devices: [DeviceStatus] { manager.statuses }

  func state(of device: DeviceStatus) -> TrackedState? { page.newest(slot: device.pageIndex) }

  func state(of device: DeviceStatus, at time: Timestamp) -> TrackedState? {
    page.state(slot: device.pageIndex, at: time)
  }

  var modelActivity: [ModelActivity] {
    get async {
      await models.metrics.map { model in
        ModelActivity(
          name: model.name, version: model.version, runs: model.metrics.runs,
          failures: model.metrics.failures, medianLatency: model.metrics.latency(0.5),
          highLatency: model.metrics.latency(0.95))
      }
    }
  }

  var problem: String? { policy.problem() }

  func color(of kind: Annotation.Kind) -> AnnotationColor { PerceptionTask.all.color(of: kind) }

  func frames() -> FrameFeed { cameras.subscribe() }

  func unsubscribe(_ feed: FrameFeed) { cameras.unsubscribe(feed) }

  func model(of camera: String, width: Int, height: Int) -> CameraModel? {
    cameras.model(of: camera, width: width, height: height)
  }

  var access: ClientAccess { policy.access }

  var recording: RecordingStatus { recordingControl.status }

  func startRecording(streams: Set<RecordedStream>) throws -> String {
    let plan = RecordingPlan(path: policy.recordingPath(), streams: streams)
    try recordingControl.start(plan)
    return plan.path
  }

  func stopRecording() { recordingControl.requestStop() }

  func recenter() { manager.recenter() }

  func setRole(_ role: DeviceRole, of device: DeviceID) -> Bool {
    (try? manager.setRole(role, of: device)) != nil
  }
}
