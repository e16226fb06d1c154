import Cameras
import Imaging
import Inference
import Sensing
import Spatial

extension PerceptionTask.Name {
  public static let text = Self(rawValue: "text")
}

extension PerceptionTask {
  static let text = PerceptionTask(
    name: .text,
    models: [
      Model(TextReader.detectionModel, .textDetection), Model(TextReader.recognitionModel, .textRecognition),
    ],
    outputs: [Output(.text, color: AnnotationColor(0.9, 0.85, 0.2))], priority: .background,
    interval: { .seconds(1 / $0.textRate) }, worker: .frames { TextStage($0) })
}

/// Text of signs and labels. Recognition is slow, so it runs at a low rate; a text in the same direction keeps its id.
public actor TextStage: PerceptionStage {
  private struct Known {
    var annotation: Annotation
    var direction: Vector3
    var missed = 0
  }

  private let reader: TextReader
  private let ids: AnnotationIDs
  private let priority: InferencePriority
  private let timeToLive: Double
  private var known = CameraTable<[Known]>()

  /// Largest angle between two sightings of the same text, in radians.
  private static let sameDirection = 0.12

  public init(_ context: PerceptionContext) {
    reader = TextReader(host: context.host)
    ids = context.ids
    priority = context.priority
    // Three missed readings.
    timeToLive = min(max(3 / context.settings.textRate, 1), 60)
  }

  public func process(_ frame: PerceptionFrame) async throws(InferenceError) -> [Annotation] {
    let (texts, model) = try await reader.read(frame.image, priority: priority)
    var old = known[frame.camera] ?? []
    var new: [Known] = []
    for text in texts {
      let anchor = frame.anchor(x: text.region.centerX, y: text.region.centerY)
      let same = old.firstIndex { entry in
        entry.annotation.label == text.text && entry.direction.dot(anchor.direction) > 1 - Self.sameDirection
      }
      var annotation = Annotation(
        id: same.map { old[$0].annotation.id } ?? ids.take(), kind: .text, label: text.text,
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
    // One failed reading does not end a text; the second does.
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
