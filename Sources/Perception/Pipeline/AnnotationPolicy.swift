import Foundation
import Sensing
import Spatial
import Synchronization

/// Selects the annotations that are published: hysteresis of confidence, limits of number and rate, merging of
/// duplicates. Annotations of speech pass unchanged.
public final class AnnotationPolicy: Sendable {
  /// The last state of a published annotation.
  private struct Published {
    var annotation: Annotation
    /// Capture time of the last published update.
    var time: Timestamp
  }
  private let published = Mutex<[UInt64: Published]>([:])
  private let settings: AnnotationSettings
  private let tasks: [PerceptionTask]

  /// - Parameter tasks: define the rules of kinds that `settings` does not name.
  public init(_ settings: AnnotationSettings, tasks: [PerceptionTask]) {
    self.settings = settings
    self.tasks = tasks
  }

  /// Returns the annotations to publish, in the order of the input.
  public func apply(_ annotations: [Annotation]) -> [Annotation] {
    published.withLock { published in
      var result: [Annotation] = []
      for annotation in annotations {
        guard annotation.kind.scope == .camera else {
          result.append(annotation)
          continue
        }
        // Expiry counts from publication: with slow models, captured times are older than the time to live.
        published = published.filter {
          annotation.published.seconds(since: $0.value.annotation.published)
            < $0.value.annotation.timeToLive + 0.1
        }
        decide(annotation, &published, &result)
      }
      return result
    }
  }

  private func decide(
    _ annotation: Annotation, _ published: inout [UInt64: Published], _ result: inout [Annotation]
  ) {
    let known = published[annotation.id]
    if annotation.isEnded {
      guard known != nil else { return }
      published[annotation.id] = nil
      result.append(annotation)
      return
    }
    func end(_ annotation: Annotation, supersededBy other: UInt64? = nil) {
      guard published.removeValue(forKey: annotation.id) != nil else { return }
      var last = annotation
      last.isEnded = true
      last.supersededBy = other
      result.append(last)
    }
    let rule = settings.rules[annotation.kind] ?? tasks.rule(for: annotation.kind)
    guard annotation.confidence >= (known == nil ? rule.show : rule.keep) else { return end(annotation) }
    if settings.mergesDuplicates {
      for other in published.values.map(\.annotation).sorted(by: { $0.id < $1.id })
      where other.id != annotation.id && Self.isDuplicate(annotation, other) {
        guard Self.wins(annotation, over: other) else { return end(annotation, supersededBy: other.id) }
        end(other, supersededBy: annotation.id)
      }
    }
    if known == nil {
      let rivals = published.values.map(\.annotation).filter { $0.kind == annotation.kind }
      if rivals.count >= rule.maximum {
        // The margin prevents two annotations of similar confidence from replacing each other repeatedly.
        guard let least = rivals.min(by: { $0.confidence < $1.confidence }),
          annotation.confidence > least.confidence + 0.1
        else { return }
        end(least)
      }
    } else if let known, rule.rate > 0,
      annotation.captured.seconds(since: known.time) < 0.95 / rule.rate
    {
      published[annotation.id]?.annotation = annotation
      return
    }
    published[annotation.id] = Published(annotation: annotation, time: annotation.captured)
    result.append(annotation)
  }

  /// Of two texts the longer one stays, so a line replaces its words; otherwise the older one.
  private static func wins(_ annotation: Annotation, over other: Annotation) -> Bool {
    if annotation.kind == .text, annotation.label.count != other.label.count {
      return annotation.label.count > other.label.count
    }
    return annotation.id < other.id
  }

  /// Same kind and camera, same label (any label for text), and one covers most of the smaller.
  private static func isDuplicate(_ a: Annotation, _ b: Annotation) -> Bool {
    guard a.kind == b.kind, a.kind == .text || a.label == b.label, let boxA = Box(a), let boxB = Box(b),
      a.region?.camera == b.region?.camera
    else { return false }
    let width = min(boxA.right, boxB.right) - max(boxA.left, boxB.left)
    let height = min(boxA.top, boxB.top) - max(boxA.bottom, boxB.bottom)
    guard width > 0, height > 0 else { return false }
    return width * height > 0.6 * min(boxA.area, boxB.area)
  }

  /// Bounds as directions in the world, in radians: pixel positions differ between frames when the head turns.
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
      // The field of view of an uncalibrated camera; the sizes are only compared with each other.
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
