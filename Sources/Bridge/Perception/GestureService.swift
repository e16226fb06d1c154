import CLinux
import Foundation
import Inference
import Logging
import Perception
import Sensing
import ServiceLifecycle
import Spatial

/// Names the movements of controllers and of hands that a camera sees.
actor GestureService: Service {
  private let store: GestureStore
  /// Where the network is that is asked in place of the examples.
  private let network: ModelHost?
  private let pose: @Sendable (DeviceRole, Timestamp) -> Pose?
  private let numbers: AnnotationNumbers
  private let publish: @Sendable ([Annotation]) -> Void
  private let log: Logger

  private var model: GestureModel
  private var modelFrom: [String: Date]
  private var lookedAt: Int64 = 0
  private var problem = ""
  private var spotters: [String: GestureSpotter] = [:]

  /// Places of controllers that are looked at a second.
  private static let rate = 100.0
  /// Nanoseconds between looks at the folder of examples.
  private static let lookInterval: Int64 = 2_000_000_000

  /// - Parameters:
  ///   - network: has the network that is asked in place of the examples; nil to ask the examples.
  ///   - pose: of a role at a time, in the world.
  init(
    store: GestureStore, network: ModelHost?, numbers: AnnotationNumbers,
    pose: @escaping @Sendable (DeviceRole, Timestamp) -> Pose?,
    publish: @escaping @Sendable ([Annotation]) -> Void, log: Logger
  ) {
    self.store = store
    self.network = network
    self.pose = pose
    self.numbers = numbers
    self.publish = publish
    self.log = log
    model = store.model(withBuiltIn: true)
    modelFrom = Self.stamps(store)
  }

  nonisolated func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        await self.lookAtControllers()
        try? await Task.sleep(for: .seconds(1 / Self.rate))
      }
    }
  }

  private func lookAtControllers() async {
    let now = Timestamp(nanoseconds: linux_monotonic_ns())
    let head = pose(.head, now)
    for (role, isRight) in [(DeviceRole.leftHand, false), (.rightHand, true)] {
      guard let place = pose(role, now)?.position else { continue }
      await look(role.name, place, at: now, head: head, isRight: isRight)
    }
    if now.nanoseconds - lookedAt > Self.lookInterval {
      lookedAt = now.nanoseconds
      let stamps = Self.stamps(store)
      if stamps != modelFrom {
        modelFrom = stamps
        model = store.model(withBuiltIn: true)
        log.info("gestures read again", metadata: ["gestures": "\(model.names.joined(separator: ", "))"])
      }
    }
  }

  /// When each gesture's folder was changed.
  private static func stamps(_ store: GestureStore) -> [String: Date] {
    var stamps: [String: Date] = [:]
    for name in store.names {
      let attributes = try? FileManager.default.attributesOfItem(atPath: store.folder + "/" + name)
      stamps[name] = attributes?[.modificationDate] as? Date
    }
    return stamps
  }

  /// A hand that a camera sees.
  func look(at hand: Annotation) async {
    guard let anchor = hand.anchor, anchor.space == .world, let place = anchor.position, !hand.isEnded else {
      return spotters["hand \(hand.id)"] = nil
    }
    if spotters.count > 64 { spotters = [:] }
    await look(
      "hand \(hand.id)", place, at: hand.captured, head: pose(.head, hand.captured),
      isRight: hand.isRightHand ?? true)
  }

  private struct Answer {
    var label: String
    var confidence: Double
    var source: Annotation.Source
  }

  private func recognise(_ trace: GestureTrace) async -> Answer? {
    if let network {
      do {
        let loaded = try await network.model(GestureNetwork.model)
        let scores = try await GestureNetwork.scores(trace, loaded, host: network)
        problem = ""
        guard let best = GestureNetwork.accepted(scores), model.admits(trace, as: best.label) else {
          return nil
        }
        return Answer(label: best.label, confidence: best.share, source: Annotation.Source(loaded))
      } catch {
        // Once, not with each movement; the examples do what the network can't.
        if problem != error.description {
          log.warning(
            "movements are told by example: \(error); 'vrbridge gestures train --network' makes a network")
        }
        problem = error.description
      }
    }
    return model.recognise(trace).map {
      Answer(
        label: $0.name, confidence: $0.confidence,
        source: Annotation.Source(
          model: "gestures by example", version: "\(model.templates.count) examples", digest: ""))
    }
  }

  private func look(
    _ source: String, _ place: Vector3, at time: Timestamp, head: Pose?, isRight: Bool
  ) async {
    var spotter = spotters[source] ?? GestureSpotter()
    let movement = spotter.add(place, at: time, head: head?.orientation)
    spotters[source] = spotter
    guard let movement, let answer = await recognise(movement.trace) else { return }
    var annotation = Annotation(
      id: numbers.take(), kind: .gesture, label: answer.label, confidence: answer.confidence,
      source: answer.source,
      captured: movement.ended, published: Timestamp(nanoseconds: linux_monotonic_ns()))
    annotation.waiting = annotation.published.seconds(since: movement.ended)
    annotation.isRightHand = isRight
    annotation.timeToLive = 1.5
    let origin = head?.position ?? .zero
    let ray = movement.place - origin
    annotation.anchor = Annotation.Anchor(
      space: .world, origin: origin, direction: ray.normalized ?? Vector3(0, 0, -1), distance: ray.length)
    publish([annotation])
  }
}
