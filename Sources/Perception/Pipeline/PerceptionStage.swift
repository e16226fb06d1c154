import Imaging
import Inference
import Logging
import Sensing
import ServiceLifecycle
import Spatial
import Synchronization

/// A task that turns frames into annotations. Frames of one camera arrive in order of time.
public protocol PerceptionStage: Actor {
  /// - Returns: present and ended annotations. The service fills in `published` and the durations.
  func process(_ frame: PerceptionFrame) async throws(InferenceError) -> [Annotation]

  /// The resolution that the stage needs of a camera's next frame; a JPEG is decoded at the lowest one that is enough.
  ///
  /// - Parameter captured: the frame's capture time.
  func resolution(for camera: String, at captured: Timestamp) async -> PictureResolution
}

extension PerceptionStage {
  public func resolution(for camera: String, at captured: Timestamp) -> PictureResolution { .full }
}

/// A task with its own input, which also receives the annotations of all stages.
public protocol AnnotationObserver: Service {
  func observe(_ annotation: Annotation) async
}

/// The dependencies of a perception task.
public struct PerceptionContext: Sendable {
  public let settings: PerceptionSettings
  public let host: ModelHost
  public let ids: AnnotationIDs
  /// The pose of a role in the world at a time; nil when it is not tracked.
  public let pose: @Sendable (DeviceRole, Timestamp) -> Pose?
  public let now: @Sendable () -> Timestamp
  public let publish: @Sendable ([Annotation]) -> Void
  public let log: Logger
  /// The priority of the task's inferences, from its descriptor.
  public internal(set) var priority = InferencePriority.standard

  public init(
    settings: PerceptionSettings, host: ModelHost, ids: AnnotationIDs,
    pose: @escaping @Sendable (DeviceRole, Timestamp) -> Pose?,
    now: @escaping @Sendable () -> Timestamp,
    publish: @escaping @Sendable ([Annotation]) -> Void, log: Logger
  ) {
    self.settings = settings
    self.host = host
    self.ids = ids
    self.pose = pose
    self.now = now
    self.publish = publish
    self.log = log
  }
}

/// The counter of annotation ids, shared by all producers.
public final class AnnotationIDs: Sendable {
  private let next = Atomic<UInt64>(1)

  public init() {}

  public func take() -> UInt64 { next.wrappingAdd(1, ordering: .relaxed).oldValue }
}

extension Annotation.Source {
  public init(_ model: ModelHost.Loaded) {
    self.init(model: model.manifest.name, version: model.version, digest: model.digest)
  }
}
