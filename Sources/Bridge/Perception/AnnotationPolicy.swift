import Foundation
import Sensing
import Spatial
import Synchronization

/// Decides what of all that is seen is told: hysteresis of confidence, limits of number and rate, one of two that are the
/// same. What is said passes.
final class AnnotationPolicy: Sendable {
  /// What clients know of a thing.
  private struct Told {
    var annotation: Annotation
    /// When it was told last, by the time of its picture.
    var time: Timestamp
  }
  private let told = Mutex<[UInt64: Told]>([:])
  private let settings: AnnotationSettings

  init(_ settings: AnnotationSettings) { self.settings = settings }

  func apply(_ annotations: [Annotation]) -> [Annotation] {
    told.withLock { told in
      var result: [Annotation] = []
      for annotation in annotations {
        guard !annotation.kind.isSpeech else {
          result.append(annotation)
          continue
        }
        // What nobody has told for longer than it lives is forgotten; counted from when it was told, so that slow models
        // do not make every annotation a new one.
        told = told.filter {
          annotation.published.seconds(since: $0.value.annotation.published)
            < $0.value.annotation.timeToLive + 0.1
        }
        decide(annotation, &told, &result)
      }
      return result
    }
  }

  private func decide(
    _ annotation: Annotation, _ told: inout [UInt64: Told], _ result: inout [Annotation]
  ) {
    let known = told[annotation.id]
    if annotation.isEnded {
      guard known != nil else { return }
      told[annotation.id] = nil
      result.append(annotation)
      return
    }
    func end(_ annotation: Annotation, supersededBy other: UInt64? = nil) {
      guard told.removeValue(forKey: annotation.id) != nil else { return }
      var last = annotation
      last.isEnded = true
      last.supersededBy = other
      result.append(last)
    }
    let rule = settings[annotation.kind]
    guard annotation.confidence >= (known == nil ? rule.show : rule.keep) else { return end(annotation) }
    if settings.mergesDuplicates {
      for other in told.values.map(\.annotation).sorted(by: { $0.id < $1.id })
      where other.id != annotation.id && Self.isSame(annotation, other) {
        guard Self.wins(annotation, over: other) else { return end(annotation, supersededBy: other.id) }
        end(other, supersededBy: annotation.id)
      }
    }
    if known == nil {
      let rivals = told.values.map(\.annotation).filter { $0.kind == annotation.kind }
      if rivals.count >= rule.maximum {
        // A thing that is told stays unless a clearly surer one comes.
        guard let least = rivals.min(by: { $0.confidence < $1.confidence }),
          annotation.confidence > least.confidence + 0.1
        else { return }
        end(least)
      }
    } else if let known, rule.rate > 0,
      annotation.captured.seconds(since: known.time) < 0.95 / rule.rate
    {
      told[annotation.id]?.annotation = annotation
      return
    }
    told[annotation.id] = Told(annotation: annotation, time: annotation.captured)
    result.append(annotation)
  }

  /// A line of text beats its words; else what was there first stays.
  private static func wins(_ annotation: Annotation, over other: Annotation) -> Bool {
    if annotation.kind == .text, annotation.label.count != other.label.count {
      return annotation.label.count > other.label.count
    }
    return annotation.id < other.id
  }

  /// Whether two are of one thing: of a kind, of one name (or both text), and one covers most of the smaller.
  private static func isSame(_ a: Annotation, _ b: Annotation) -> Bool {
    guard a.kind == b.kind, a.kind == .text || a.label == b.label, let boxA = Box(a), let boxB = Box(b),
      a.region?.camera == b.region?.camera
    else { return false }
    let width = min(boxA.right, boxB.right) - max(boxA.left, boxB.left)
    let height = min(boxA.top, boxB.top) - max(boxA.bottom, boxB.bottom)
    guard width > 0, height > 0 else { return false }
    return width * height > 0.6 * min(boxA.area, boxB.area)
  }

  /// Where it lies, in radians: pictures of two moments have turned against each other, directions in the world have not.
  private struct Box {
    var left: Double
    var right: Double
    var bottom: Double
    var top: Double
    var area: Double { (right - left) * (top - bottom) }

    init?(_ annotation: Annotation) {
      guard let region = annotation.region, let anchor = annotation.anchor, anchor.space == .world,
        region.width > 0
      else { return nil }
      // Sizes by the angle of a usual lens: they are only compared with each other.
      let scale = 65 * .pi / 180 / Double(region.width)
      let d = anchor.direction
      let (x, y) = (atan2(d.x, -d.z), asin(min(max(d.y, -1), 1)))
      left = x - region.sizeX * scale / 2
      right = x + region.sizeX * scale / 2
      bottom = y - region.sizeY * scale / 2
      top = y + region.sizeY * scale / 2
    }
  }
}
