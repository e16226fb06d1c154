import Imaging
import Inference
import Sensing
import Spatial

/// Signs and labels that can be read. Reading takes long, so it runs seldom; what is read again where it was keeps its
/// identity.
public actor TextStage: PerceptionStage {
  private struct Known {
    var annotation: Annotation
    var direction: Vector3
    var missed = 0
  }

  private let reader: TextReader
  private let numbers: AnnotationNumbers
  private let timeToLive: Double
  private var known: [String: [Known]] = [:]

  /// Texts within this angle and alike in words are the same, in radians.
  private static let sameDirection = 0.12

  /// - Parameter rate: looks a second, by which the time to live is set.
  public init(host: ModelHost, numbers: AnnotationNumbers, rate: Double) {
    reader = TextReader(host: host)
    self.numbers = numbers
    timeToLive = min(max(3 / rate, 1), 60)
  }

  public func process(_ frame: PerceptionFrame) async throws(InferenceError) -> [Annotation] {
    let (texts, model) = try await reader.read(frame.image)
    var old = known[frame.camera] ?? []
    var new: [Known] = []
    for text in texts {
      let anchor = frame.anchor(x: text.region.centerX, y: text.region.centerY)
      let same = old.firstIndex { entry in
        entry.annotation.label == text.text && entry.direction.dot(anchor.direction) > 1 - Self.sameDirection
      }
      var annotation = Annotation(
        id: same.map { old[$0].annotation.id } ?? numbers.take(), kind: .text, label: text.text,
        confidence: text.confidence, source: Annotation.Source(model), captured: frame.captured,
        published: frame.captured)
      if let same { old.remove(at: same) }
      annotation.region = Annotation.Region(
        camera: frame.camera, width: frame.image.width, height: frame.image.height, x: text.region.centerX,
        y: text.region.centerY, sizeX: text.region.width, sizeY: text.region.height,
        rotation: text.region.rotation)
      annotation.anchor = anchor
      annotation.timeToLive = timeToLive
      new.append(Known(annotation: annotation, direction: anchor.direction))
    }
    var ended: [Annotation] = []
    // A look that misses a sign is no proof that it has gone: only the second is.
    for var entry in old {
      entry.missed += 1
      if entry.missed < 2 {
        new.append(entry)
      } else {
        entry.annotation.captured = frame.captured
        entry.annotation.isEnded = true
        ended.append(entry.annotation)
      }
    }
    known[frame.camera] = new
    return new.filter { $0.missed == 0 }.map(\.annotation) + ended
  }
}
