import CLinux
import Cameras
import Foundation
import Imaging
import Inference
import Logging
import Perception
import Sensing
import ServiceLifecycle
import Spatial
import Synchronization

/// Gives frames to the stages of perception, each at its own pace, and what they find to clients and recordings.
///
/// Each stage takes the newest frame when it is done with the one before: a slow model makes annotations rarer, not
/// older.
struct PerceptionService: Service {
  let settings: PerceptionSettings
  let host: ModelHost
  let cameras: CameraService
  let numbers: AnnotationNumbers
  /// Looks at the hands too; nil when nobody wants movements.
  let gestures: GestureService?
  let publish: @Sendable ([Annotation]) -> Void
  let log: Logger

  func run() async throws {
    let images = ImageCache()
    await withTaskGroup(of: Void.self) { group in
      let tasks = settings.tasks.subtracting([.gestures])
      for task in tasks.sorted(by: { $0.rawValue < $1.rawValue }) {
        let feed = cameras.subscribe()
        let stage: any PerceptionStage
        var interval = Duration.zero
        switch task {
        case .hands: stage = HandStage(host: host, numbers: numbers)
        case .objects:
          stage = ObjectStage(
            host: host, model: settings.detector, numbers: numbers, minimumScore: settings.minimumScore)
        case .text:
          stage = TextStage(host: host, numbers: numbers, rate: settings.textRate)
          interval = .seconds(1 / settings.textRate)
        case .gestures: continue
        }
        group.addTask {
          await withTaskCancellationOrGracefulShutdownHandler {
            await serve(task.rawValue, stage, feed, interval, images)
          } onCancelOrGracefulShutdown: {
            cameras.unsubscribe(feed)
          }
        }
      }
      if tasks.isEmpty { group.addTask { try? await gracefulShutdown() } }
      await group.waitForAll()
    }
  }

  private func serve(
    _ name: String, _ stage: any PerceptionStage, _ feed: FrameFeed, _ interval: Duration,
    _ images: ImageCache
  ) async {
    var problem = ""
    while let frame = await feed.next() {
      let start = ContinuousClock.now
      let taken = linux_monotonic_ns()
      do {
        let image = try images.image(of: frame)
        let prepared = linux_monotonic_ns()
        let model =
          cameras.model(of: frame.camera, width: image.width, height: image.height)
          ?? CameraModel.assumed(width: image.width, height: image.height)
        let annotations = try await stage.process(
          PerceptionFrame(
            image: image, camera: frame.camera, captured: frame.captured,
            worldFromHead: frame.worldFromHead, model: model))
        let now = Timestamp(nanoseconds: linux_monotonic_ns())
        if let gestures {
          for hand in annotations where hand.kind == .hand { await gestures.look(at: hand) }
        }
        publish(
          annotations.map { annotation in
            var annotation = annotation
            annotation.published = now
            annotation.waiting = Timestamp(nanoseconds: taken).seconds(since: frame.captured)
            annotation.preparing = Double(prepared - taken) * 1e-9
            annotation.inferring = now.seconds(since: Timestamp(nanoseconds: prepared))
            return annotation
          })
        if !problem.isEmpty { log.notice("\(name): works again") }
        problem = ""
      } catch {
        let text = String(describing: error)
        // Once, not with each frame.
        if text != problem { log.warning("\(name): \(text)") }
        problem = text
        // What is missing now is not there a frame later.
        try? await Task.sleep(for: .seconds(1))
      }
      let rest = interval - (ContinuousClock.now - start)
      if rest > .zero { try? await Task.sleep(for: rest) }
    }
  }
}

/// The last frame of each camera in colours, so that stages do not unpack it one after the other.
private final class ImageCache: Sendable {
  private struct Entry {
    var captured: Timestamp
    var image: RGBImage
  }
  private let entries = Mutex<[String: Entry]>([:])

  func image(of frame: CameraFrame) throws(PictureFault) -> RGBImage {
    if let entry = entries.withLock({ $0[frame.camera] }), entry.captured == frame.captured {
      return entry.image
    }
    let image = try frame.image()
    entries.withLock { $0[frame.camera] = Entry(captured: frame.captured, image: image) }
    return image
  }
}
