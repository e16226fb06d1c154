import Settings
import Cameras
import Foundation
import Imaging
import Inference
import Logging
import Perception
import Sensing
import ServiceLifecycle
import SessionLog
import Spatial
import StrictYAML
import Synchronization
import TestSupport
import Testing

@testable import Bridge

/// A task that only this test defines passes through service, configuration, policy and recording: production code
/// derives all of them from the task's descriptor.
struct PerceptionTaskTests {
  /// Reports the brightness of each frame.
  private actor BrightnessStage: PerceptionStage {
    private let context: PerceptionContext

    init(_ context: PerceptionContext) { self.context = context }

    func process(_ frame: PerceptionFrame) async throws(InferenceError) -> [Annotation] {
      [Annotation.Kind.text, .object].map { kind in
        var annotation = Annotation(
          id: context.ids.take(), kind: kind, label: "\(context.priority)",
          confidence: 0.7, source: Annotation.Source(model: "brightness", version: "1", digest: ""),
          captured: frame.captured, published: frame.captured)
        annotation.region = Annotation.Region(
          camera: frame.camera, width: frame.image.width, height: frame.image.height, x: 2, y: 2, sizeX: 4,
          sizeY: 4)
        return annotation
      }
    }
  }

  private struct Source: FrameSource {
    let feed: FrameFeed

    func subscribe() -> FrameFeed { feed }
    func unsubscribe(_ feed: FrameFeed) { feed.close() }
    func model(of camera: String, width: Int, height: Int) -> CameraModel? { nil }
    func image(
      of frame: CameraFrame, _ resolution: PictureResolution
    ) async throws(PictureError) -> ReducedImage {
      try frame.image(resolution)
    }
  }

  private final class Collector: Sendable {
    let annotations = Mutex<[Annotation]>([])
  }

  private static let color = AnnotationColor(0.1, 0.2, 0.3)

  private static var rule: AnnotationRule {
    var rule = AnnotationRule()
    (rule.show, rule.keep) = (0.8, 0.6)
    return rule
  }

  private static let brightness = PerceptionTask(
    name: PerceptionTask.Name(rawValue: "brightness"), models: [],
    outputs: [PerceptionTask.Output(.text, color: color, rule: rule)], priority: .request,
    worker: .frames { BrightnessStage($0) })

  private func configured(_ yaml: String, _ tasks: [PerceptionTask]) throws -> PerceptionSettings {
    try PerceptionSettings(try YAMLDocument(text: yaml, file: "test").root, known: tasks)
  }

  @Test func anAdditionalTaskRunsInTheService() async throws {
    let settings = try configured("tasks: [brightness]", [Self.brightness])
    let collector = Collector()
    let feed = FrameFeed()
    feed.put(
      CameraFrame(
        camera: "c",
        pixels: PixelData(
          format: .grey, width: 8, height: 8, stride: 8, bytes: Array(repeating: 9, count: 64)),
        captured: Timestamp(nanoseconds: 1_000_000_000), received: Timestamp(nanoseconds: 1_000_000_000)))
    let registry = ModelRegistry(folder: try TestPaths.temporaryFolder(), trusted: TrustedKeys([]))
    let service = PerceptionService(
      tasks: PerceptionTask.all + [Self.brightness],
      context: PerceptionContext(
        settings: settings,
        host: ModelHost(registry: registry, local: LocalEngine(openVINO: nil, onnxRuntime: nil)),
        ids: AnnotationIDs(), pose: { _, _ in nil }, now: { Timestamp(nanoseconds: 1_250_000_000) },
        publish: { new in collector.annotations.withLock { $0 += new } }, log: Logger(label: "test")),
      source: Source(feed: feed))
    let running = Task { try await service.run() }
    await eventually { collector.annotations.withLock { !$0.isEmpty } }
    feed.close()
    try await running.value
    let found = collector.annotations.withLock { $0 }
    // The kind that the descriptor does not declare is dropped; the priority is the descriptor's.
    #expect(found.map(\.kind) == [.text])
    #expect(found.first?.label == "request")
    #expect(found.first?.waiting == 0.25 && found.first?.published.nanoseconds == 1_250_000_000)
  }

  @Test func namesAndKindsAreConfigurable() throws {
    #expect(throws: DocumentError.self) { try configured("tasks: [brightness]", PerceptionTask.all) }
    let document = try YAMLDocument(text: "{ text: { max: 3 } }", file: "test")
    let annotations = try AnnotationSettings(document.root, tasks: [Self.brightness])
    // Keys that are not given have the descriptor's values.
    #expect(annotations.rules[.text]?.maximum == 3 && annotations.rules[.text]?.show == 0.8)
    #expect(
      AnnotationSettings.table([Self.brightness]).contains {
        !$0.lines(annotations).isEmpty && $0.name == "text"
      })
    let other = try YAMLDocument(text: "{ hand: { max: 3 } }", file: "test")
    #expect(throws: DocumentError.self) {
      try AnnotationSettings(other.root, tasks: [Self.brightness])
    }
  }

  private func annotation(_ kind: Annotation.Kind, _ confidence: Double) -> Annotation {
    var annotation = Annotation(
      id: 1, kind: kind, label: "x", confidence: confidence,
      source: Annotation.Source(model: "m", version: "1", digest: ""),
      captured: Timestamp(nanoseconds: 1), published: Timestamp(nanoseconds: 2))
    annotation.region = Annotation.Region(
      camera: "c", width: 8, height: 8, x: 2, y: 2, sizeX: 4, sizeY: 4)
    return annotation
  }

  @Test func defaultPoliciesApply() {
    let policy = AnnotationPolicy(AnnotationSettings(), tasks: [Self.brightness])
    #expect(policy.apply([annotation(.text, 0.7)]).isEmpty)
    #expect(policy.apply([annotation(.text, 0.8)]).count == 1)
    #expect(policy.apply([annotation(.text, 0.7)]).count == 1)
  }

  @Test func recordingsHaveTheColorOfTheTask() throws {
    func color(_ kind: Annotation.Kind) throws -> Foxglove_Color {
      let records = AnnotationRecord.all(of: [annotation(kind, 1)], color: [Self.brightness].color)
      guard case .image(let message, _)? = records.first?.content else {
        throw CancellationError()
      }
      return try #require(message.points.first).outlineColor
    }
    let own = try color(.text)
    #expect((own.r, own.g, own.b, own.a) == (0.1, 0.2, 0.3, 1))
    #expect(try color(.hand) != own)
  }

  @Test func scopesDeriveFromKinds() {
    #expect(Self.brightness.scopes == [.camera])
    for task in PerceptionTask.all { #expect(task.scopes == [.camera] && !task.outputs.isEmpty) }
    #expect(PerceptionTask.all.names.map(\.rawValue) == ["hands", "objects", "text", "gestures"])
    #expect(PerceptionTask.all.kinds == [.hand, .gesture, .object, .text])
  }

  /// Every default model of a task is in the catalogue, for the task's purpose.
  @Test func theCatalogueContainsTheModelsOfAllTasks() throws {
    let catalog = try ModelCatalog.load(
      file: TestPaths.root + "/models/catalog.yaml", vocabulary: ModelSettings.vocabulary,
      defaults: PerceptionTask.all.models)
    for task in PerceptionTask.all {
      for model in task.models {
        let entry = try catalog.entry(model.name)
        #expect(entry.manifest.task == model.task)
        // The object detector's server is not reachable from everywhere.
        #expect(entry.isDefault == (task.name != .objects), "\(model.name)")
      }
    }
    #expect(PerceptionTask.all.models.count == 7)
    #expect(throws: RegistryError.self) {
      try ModelCatalog.load(file: TestPaths.root + "/models/catalog.yaml", vocabulary: .tensors)
    }
  }
}
