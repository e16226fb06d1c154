import Diagnostics
import Foundation
import Inference
import Logging
import Sensing
import ServiceLifecycle
import Spatial

extension PerceptionTask.Name {
  /// Movements of controllers and hands.
  public static let gestures = Self(rawValue: "gestures")
}

extension PerceptionTask {
  /// Its network is trained by the user, so the catalogue has no default model.
  static let gestures = PerceptionTask(
    name: .gestures, models: [], outputs: [Output(.gesture, color: AnnotationColor(0.9, 0.6, 0.1))],
    priority: .interactive, worker: .observer { GestureService($0) })
}

/// Classifies movements of controllers and of tracked hands.
public actor GestureService: AnnotationObserver {
  private let context: PerceptionContext
  private let store: GestureStore
  private let usesNetwork: Bool

  private var model: GestureModel
  /// Modification dates of the examples that `model` contains.
  private var stamps: [String: Date]
  private var checked: Int64 = 0
  private var problem = ""
  private var spotters: [String: GestureSpotter] = [:]

  /// Controller samples per second.
  private static let rate = 100.0
  /// Interval of checks of the examples' folder, in nanoseconds.
  private static let checkInterval: Int64 = 2_000_000_000
  /// Bound of `spotters`, whose keys are ids of hands.
  private static let maximumSources = 64

  public init(_ context: PerceptionContext) {
    self.context = context
    usesNetwork = context.settings.movements == .network
    let store = GestureStore(folder: context.settings.gestureFolder)
    self.store = store
    model = store.model(withBuiltIn: true)
    stamps = Self.stamps(store)
  }

  public nonisolated func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        await self.sampleControllers()
        try? await Task.sleep(for: .seconds(1 / Self.rate))
      }
    }
  }

  private func sampleControllers() async {
    let now = context.now()
    let head = context.pose(.head, now)
    for (role, isRight) in [(DeviceRole.leftHand, false), (.rightHand, true)] {
      guard let position = context.pose(role, now)?.position else { continue }
      await add(position, of: role.name, at: now, head: head, isRight: isRight)
    }
    if now.nanoseconds - checked > Self.checkInterval {
      checked = now.nanoseconds
      reloadExamples()
    }
  }

  private func reloadExamples() {
    let current = Self.stamps(store)
    guard current != stamps else { return }
    stamps = current
    model = store.model(withBuiltIn: true)
    context.log.info(
      "gesture examples reloaded", metadata: ["gestures": "\(model.names.joined(separator: ", "))"])
  }

  /// Modification dates of the gestures' folders.
  private static func stamps(_ store: GestureStore) -> [String: Date] {
    var stamps: [String: Date] = [:]
    for name in store.names {
      let attributes = try? FileManager.default.attributesOfItem(atPath: store.folder + "/" + name)
      stamps[name] = attributes?[.modificationDate] as? Date
    }
    return stamps
  }

  public func observe(_ annotation: Annotation) async {
    guard annotation.kind == .hand else { return }
    let source = "hand \(annotation.id)"
    guard let anchor = annotation.anchor, anchor.space == .world, let position = anchor.position,
      !annotation.isEnded
    else {
      spotters[source] = nil
      return
    }
    if spotters.count > Self.maximumSources { spotters = [:] }
    await add(
      position, of: source, at: annotation.captured, head: context.pose(.head, annotation.captured),
      isRight: annotation.isRightHand ?? true)
  }

  private struct Result {
    var label: String
    var confidence: Double
    var source: Annotation.Source
  }

  private func classify(_ trace: GestureTrace) async -> Result? {
    if usesNetwork {
      do {
        let loaded = try await context.host.model(GestureNetwork.model)
        let scores = try await GestureNetwork.scores(
          trace, loaded, host: context.host, priority: context.priority)
        problem = ""
        guard let best = GestureNetwork.accepted(scores), model.admits(trace, as: best.label) else {
          return nil
        }
        return Result(label: best.label, confidence: best.share, source: Annotation.Source(loaded))
      } catch {
        // Once, not with each movement.
        if problem != error.description {
          context.log.warning(
            "movements are classified by examples: \(error.message); train a network with: vrbridge gestures train --network"
          )
        }
        problem = error.description
      }
    }
    return model.recognise(trace).map {
      Result(
        label: $0.name, confidence: $0.confidence,
        source: Annotation.Source(
          model: "gestures by example", version: "\(model.templates.count) examples", digest: ""))
    }
  }

  /// Adds a position of a hand or controller and publishes the movement that ends with it.
  private func add(
    _ position: Vector3, of source: String, at time: Timestamp, head: Pose?, isRight: Bool
  ) async {
    var spotter = spotters[source] ?? GestureSpotter()
    let movement = spotter.add(position, at: time, head: head?.orientation)
    spotters[source] = spotter
    guard let movement, let result = await classify(movement.trace) else { return }
    var annotation = Annotation(
      id: context.ids.take(), kind: .gesture, label: result.label, confidence: result.confidence,
      source: result.source, captured: movement.ended, published: context.now())
    annotation.waiting = annotation.published.seconds(since: movement.ended)
    annotation.isRightHand = isRight
    annotation.timeToLive = 1.5
    let origin = head?.position ?? .zero
    let ray = movement.position - origin
    annotation.anchor = Annotation.Anchor(
      space: .world, origin: origin, direction: ray.normalized ?? Vector3(0, 0, -1), distance: ray.length)
    context.publish([annotation])
  }
}
