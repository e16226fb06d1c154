import LiveState
import CLinux
import Cameras
import Diagnostics
import Imaging
import Inference
import Logging
import Perception
import Sensing
import SessionLog
import Spatial
import TrackingPipeline
import Assistant

/// Cameras, models and perception: from frames to annotations.
struct PerceptionParts: Sendable {
  let cameras: CameraService
  let processes: ConfinedProcesses
  let models: ModelHost
  /// The annotations of the last seconds.
  let scene = RecentAnnotations()
  let annotationIDs = AnnotationIDs()
  /// Passes annotations to clients, outputs and the recording.
  let publish: @Sendable ([Annotation]) -> Void

  /// - Parameters:
  ///   - processes: decode pictures and run models.
  ///   - engine: runs the models that the configuration assigns to a server.
  init(
    _ context: BridgeAssembly.Context, _ tracking: TrackingParts, _ processes: ConfinedProcesses,
    engine: (any InferenceEngine)?
  ) throws {
    self.processes = processes
    let (configuration, log) = (context.configuration, context.log)
    let (manager, recording) = (tracking.manager, tracking.recording)
    cameras = CameraService(
      settings: configuration.cameras.value, scene: try Self.demonstration(context),
      environment: CameraEnvironment(
        head: { manager.pose(of: .head, at: $0) }, headsetPorts: { manager.headsetPorts },
        recorder: recording, decoders: processes.decoders, log: log))
    models = configuration.models.value.host(
      stateFolder: configuration.stateFolder, local: processes.engine, remote: engine
    ) { log.notice("\($0)") }
    let policy = AnnotationPolicy(configuration.annotations.value, tasks: PerceptionTask.all)
    let (scene, inbox, channels) = (scene, tracking.inbox, context.channels)
    publish = { new in
      let annotations = scene.note(policy.apply(new))
      inbox.publish(annotations)
      channels.annotations.publish(annotations)
      let wanted = annotations.filter {
        recording.records($0.kind.scope == .microphone ? .microphone : .annotations)
      }
      for record in AnnotationRecord.all(of: wanted, color: PerceptionTask.all.color) {
        recording.submit(record)
      }
    }
  }

  /// Returns the synthetic scene that replaces cameras in demonstrations; nil where cameras are configured.
  private static func demonstration(_ context: BridgeAssembly.Context) throws -> SyntheticScene? {
    let configuration = context.configuration
    guard configuration.demo.value != .never, configuration.cameras.value.isEmpty, context.replay == nil,
      !configuration.perception.value.tasks.isEmpty
    else { return nil }
    do throws(PictureError) { return try SyntheticScene(pictures: configuration.pictures.value) } catch {
      context.log.warning("the demonstration has no camera: \(error.printed)")
      return nil
    }
  }

  func service(_ context: BridgeAssembly.Context, _ tracking: TrackingParts) -> PerceptionService {
    var settings = context.configuration.perception.value
    settings.gestureFolder = GestureStore.folder(stateFolder: context.configuration.stateFolder)
    let manager = tracking.manager
    return PerceptionService(
      tasks: PerceptionTask.all,
      context: PerceptionContext(
        settings: settings, host: models, ids: annotationIDs, pose: { manager.pose(of: $0, at: $1) },
        now: { Timestamp(nanoseconds: linux_monotonic_ns()) }, publish: publish, log: context.log),
      source: cameras)
  }
}
