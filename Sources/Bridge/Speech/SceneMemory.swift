import Dialogue
import Foundation
import Sensing
import Spatial
import Synchronization

/// What was seen last, for whoever asks what somebody looked at.
final class SceneMemory: Sendable {
  private struct State {
    var seen: [UInt64: Annotation] = [:]
    /// Names that things were given, by number.
    var names: [UInt64: String] = [:]
  }
  private let state = Mutex(State())

  /// Half the angle of the cone in which a thing counts as looked at.
  private static let cone = 12.0 * .pi / 180
  /// Seconds after which what was seen counts no more.
  private static let memory = 3.0

  /// Takes note, and gives things the names they were given.
  func note(_ annotations: [Annotation]) -> [Annotation] {
    state.withLock { state in
      annotations.map { annotation in
        var annotation = annotation
        guard !annotation.kind.isSpeech else { return annotation }
        if let name = state.names[annotation.id] { annotation.label = name }
        if annotation.isEnded {
          state.seen[annotation.id] = nil
        } else {
          state.seen[annotation.id] = annotation
        }
        if state.seen.count > 512 {
          let oldest = state.seen.values.min { $0.captured < $1.captured }
          if let oldest { state.seen[oldest.id] = nil }
        }
        return annotation
      }
    }
  }

  func name(_ id: UInt64, _ name: String) {
    state.withLock { state in
      if state.names.count > 1000 { state.names = [:] }
      state.names[id] = name
      state.seen[id]?.label = name
    }
  }

  private func recent(_ time: Timestamp) -> [Annotation] {
    state.withLock { state in
      state.seen = state.seen.filter {
        time.seconds(since: $0.value.captured) < max(Self.memory, $0.value.timeToLive)
      }
      return Array(state.seen.values)
    }
  }

  /// The object or writing nearest to the middle of the view.
  func gazed(from head: Pose, at time: Timestamp) -> Annotation? {
    let forward = head.orientation.rotate(Vector3(0, 0, -1))
    var best: (Annotation, Double)?
    for annotation in recent(time) where [.object, .text].contains(annotation.kind) {
      guard let anchor = annotation.anchor, anchor.space == .world else { continue }
      let direction = (anchor.position ?? anchor.origin + anchor.direction * 2) - head.position
      guard let unit = direction.normalized else { continue }
      let angle = acos(min(1, max(-1, (unit * forward).sum())))
      // A thing is as wide as it is.
      let width = anchor.size.flatMap { size in anchor.distance.map { atan(size / 2 / max($0, 0.1)) } } ?? 0
      let off = max(0, angle - width)
      if off < Self.cone, off < best?.1 ?? .infinity { best = (annotation, off) }
    }
    return best?.0
  }

  func context(head: Pose?, at time: Timestamp) -> SceneContext {
    var context = SceneContext()
    let all = recent(time)
    func thing(_ annotation: Annotation) -> SceneContext.Thing {
      SceneContext.Thing(
        label: annotation.label, confidence: annotation.confidence, place: Self.place(annotation, head))
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

  /// Where a thing is, as one would say it.
  private static func place(_ annotation: Annotation, _ head: Pose?) -> String {
    guard let head, let anchor = annotation.anchor, anchor.space == .world else { return "" }
    let point = anchor.position ?? anchor.origin + anchor.direction * 2
    let seen = head.inverse.transform(point)
    let turn = atan2(seen.x, -seen.z) * 180 / .pi
    var words = abs(turn) < 8 ? "ahead" : "\(Int(abs(turn).rounded()))° to the \(turn < 0 ? "left" : "right")"
    let rise = atan2(seen.y, hypot(seen.x, seen.z)) * 180 / .pi
    if abs(rise) > 15 { words += rise > 0 ? ", above" : ", below" }
    if anchor.distance != nil { words += String(format: ", %.1f m away", seen.length) }
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
