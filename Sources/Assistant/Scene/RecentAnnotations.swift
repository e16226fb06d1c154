import Dialogue
import Foundation
import Sensing
import Spatial
import Synchronization

/// Keeps the latest annotations of the scene, for the gazed object and the context of a prompt.
package final class RecentAnnotations: Sendable {
  package init() {}

  private struct State {
    var annotations: [UInt64: Annotation] = [:]
    /// Labels given by the user, by annotation id.
    var names: [UInt64: String] = [:]
  }
  private let state = Mutex(State())

  /// Half the angle of the cone around the head's forward axis in which an object counts as gazed at, radians.
  private static let cone = 12.0 * .pi / 180
  /// Seconds for which an annotation is kept at least.
  private static let memory = 3.0
  /// Annotations that are kept; the oldest gives way.
  private static let maximum = 512
  /// Labels that are kept; they are cleared at once.
  private static let maximumNames = 1000

  /// Keeps annotations, and returns them with the labels that the user gave.
  package func note(_ annotations: [Annotation]) -> [Annotation] {
    state.withLock { state in
      annotations.map { annotation in
        var annotation = annotation
        guard annotation.kind.scope == .camera else { return annotation }
        if let name = state.names[annotation.id] { annotation.label = name }
        if annotation.isEnded {
          state.annotations[annotation.id] = nil
        } else {
          state.annotations[annotation.id] = annotation
        }
        if state.annotations.count > Self.maximum {
          let oldest = state.annotations.values.min { $0.captured < $1.captured }
          if let oldest { state.annotations[oldest.id] = nil }
        }
        return annotation
      }
    }
  }

  /// Sets the label of an annotation for as long as it is published.
  func name(_ id: UInt64, _ name: String) {
    state.withLock { state in
      if state.names.count > Self.maximumNames { state.names = [:] }
      state.names[id] = name
      state.annotations[id]?.label = name
    }
  }

  private func recent(_ time: Timestamp) -> [Annotation] {
    state.withLock { state in
      state.annotations = state.annotations.filter {
        time.seconds(since: $0.value.captured) < max(Self.memory, $0.value.timeToLive)
      }
      return Array(state.annotations.values)
    }
  }

  /// Returns the object or text nearest to the head's forward axis; nil where none is in the cone.
  func gazed(from head: Pose, at time: Timestamp) -> Annotation? {
    let forward = head.orientation.rotate(Vector3(0, 0, -1))
    var best: (Annotation, Double)?
    for annotation in recent(time) where [.object, .text].contains(annotation.kind) {
      guard let anchor = annotation.anchor, anchor.space == .world else { continue }
      let direction = (anchor.position ?? anchor.origin + anchor.direction * 2) - head.position
      guard let unit = direction.normalized else { continue }
      let angle = acos(min(1, max(-1, (unit * forward).sum())))
      // The angle counts from the edge of a wide object.
      let width = anchor.size.flatMap { size in anchor.distance.map { atan(size / 2 / max($0, 0.1)) } } ?? 0
      let off = max(0, angle - width)
      if off < Self.cone, off < best?.1 ?? .infinity { best = (annotation, off) }
    }
    return best?.0
  }

  /// Returns the annotations as context of a prompt, the most confident first.
  func context(head: Pose?, at time: Timestamp) -> SceneContext {
    var context = SceneContext()
    let all = recent(time)
    func thing(_ annotation: Annotation) -> SceneContext.Thing {
      SceneContext.Thing(
        label: annotation.label, confidence: annotation.confidence, direction: Self.location(annotation, head)
      )
    }
    if let head {
      context.gazed = gazed(from: head, at: time).map(thing)
      context.pose = Self.words(of: head)
    }
    for annotation in all.sorted(by: { $0.confidence > $1.confidence }) {
      switch annotation.kind {
      case .object: if context.objects.count < 20 { context.objects.append(thing(annotation)) }
      case .text: if context.writing.count < 20 { context.writing.append(thing(annotation)) }
      case .hand: if context.hands.count < 4 { context.hands.append(thing(annotation)) }
      case .gesture: if context.gestures.count < 4 { context.gestures.append(thing(annotation)) }
      default: break
      }
    }
    return context
  }

  /// Returns the direction and distance from the head in words; empty where unknown.
  private static func location(_ annotation: Annotation, _ head: Pose?) -> String {
    guard let head, let anchor = annotation.anchor, anchor.space == .world else { return "" }
    let point = anchor.position ?? anchor.origin + anchor.direction * 2
    let relative = head.inverse.transform(point)
    let turn = atan2(relative.x, -relative.z) * 180 / .pi
    var words = abs(turn) < 8 ? "ahead" : "\(Int(abs(turn).rounded()))° to the \(turn < 0 ? "left" : "right")"
    let rise = atan2(relative.y, hypot(relative.x, relative.z)) * 180 / .pi
    if abs(rise) > 15 { words += rise > 0 ? ", above" : ", below" }
    if anchor.distance != nil { words += String(format: ", %.1f m away", relative.length) }
    return words
  }

  private static func words(of head: Pose) -> String {
    let forward = head.orientation.rotate(Vector3(0, 0, -1))
    let turn = atan2(forward.x, -forward.z) * 180 / .pi
    let rise = asin(min(1, max(-1, forward.y))) * 180 / .pi
    var words =
      abs(turn) < 5
      ? "the head looks straight ahead"
      : "the head looks \(Int(abs(turn).rounded()))° to the \(turn < 0 ? "left" : "right")"
    if abs(rise) >= 5 { words += ", \(Int(abs(rise).rounded()))° \(rise > 0 ? "up" : "down")" }
    return words
  }
}
