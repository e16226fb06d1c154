import Cameras
import Diagnostics
import Imaging
import Inference
import Logging
import Sensing
import ServiceLifecycle
import Spatial

/// Runs the configured perception tasks and publishes their annotations.
///
/// Each stage processes the latest frame when it has finished the previous one: a slow model reduces the rate of
/// annotations and does not add latency.
public struct PerceptionService: Service {
  private let tasks: [PerceptionTask]
  private let context: PerceptionContext
  private let source: any FrameSource

  /// - Parameter tasks: the available tasks; those that the settings name run.
  public init(tasks: [PerceptionTask], context: PerceptionContext, source: any FrameSource) {
    self.tasks = tasks.filter { context.settings.tasks.contains($0.name) }
    self.context = context
    self.source = source
  }

  public func run() async throws {
    let images = ImageCache()
    var observers: [any AnnotationObserver] = []
    for task in tasks {
      if case .observer(let make) = task.worker { observers.append(make(dependencies(of: task))) }
    }
    try await withThrowingTaskGroup(of: Void.self) { [observers] group in
      for observer in observers { group.addTask { try await observer.run() } }
      for task in tasks {
        guard case .frames(let make) = task.worker else { continue }
        let stage = make(dependencies(of: task))
        let feed = source.subscribe()
        group.addTask {
          await withTaskCancellationOrGracefulShutdownHandler {
            await serve(task, stage, feed, images, observers)
          } onCancelOrGracefulShutdown: {
            source.unsubscribe(feed)
          }
        }
      }
      // A service that returns ends the daemon.
      if tasks.isEmpty { group.addTask { try? await gracefulShutdown() } }
      try await group.waitForAll()
    }
  }

  /// The context with the task's priority. Annotations of undeclared kinds are dropped: only declared kinds have a
  /// privacy scope that the operator reviewed.
  private func dependencies(of task: PerceptionTask) -> PerceptionContext {
    var context = PerceptionContext(
      settings: context.settings, host: context.host, ids: context.ids, pose: context.pose,
      now: context.now,
      publish: { [publish = context.publish, kinds = task.kinds] annotations in
        publish(annotations.filter { kinds.contains($0.kind) })
      }, log: context.log)
    context.priority = task.priority
    return context
  }

  private func serve(
    _ task: PerceptionTask, _ stage: any PerceptionStage, _ feed: FrameFeed, _ images: ImageCache,
    _ observers: [any AnnotationObserver]
  ) async {
    let publish = dependencies(of: task).publish
    let interval = task.interval(context.settings)
    let name = task.name.rawValue
    var problem = ""
    while let frame = await feed.next() {
      let start = ContinuousClock.now
      do {
        let annotations = try await annotations(frame, stage, images)
        for observer in observers {
          for annotation in annotations { await observer.observe(annotation) }
        }
        publish(annotations)
        if !problem.isEmpty { context.log.notice("\(name): works again") }
        problem = ""
      } catch {
        let text = error.printed
        // Once, not with each frame.
        if text != problem { context.log.warning("\(name): \(text)") }
        problem = text
        // A missing model does not appear within a frame's time.
        try? await Task.sleep(for: .seconds(1))
      }
      let rest = interval - (ContinuousClock.now - start)
      if rest > .zero { try? await Task.sleep(for: rest) }
    }
  }

  /// Processes a frame and fills in the times of its annotations.
  private func annotations(
    _ frame: CameraFrame, _ stage: any PerceptionStage, _ images: ImageCache
  ) async throws -> [Annotation] {
    let taken = context.now()
    let image = try await images.image(
      of: frame, await stage.resolution(for: frame.camera, at: frame.captured), from: source)
    let prepared = context.now()
    let annotations = try await stage.process(
      PerceptionFrame(
        image: image, camera: frame.camera, captured: frame.captured, worldFromHead: frame.worldFromHead,
        model: source.model(of: frame.camera, width: image.width, height: image.height)
          ?? CameraModel.assumed(width: image.width, height: image.height)))
    let now = context.now()
    return annotations.map { annotation in
      var annotation = annotation
      annotation.published = now
      annotation.waiting = taken.seconds(since: frame.captured)
      annotation.preparing = prepared.seconds(since: taken)
      annotation.inferring = now.seconds(since: prepared)
      return annotation
    }
  }
}
