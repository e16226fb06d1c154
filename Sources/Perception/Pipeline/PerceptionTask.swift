import Inference
import Sensing

/// The descriptor of a perception task.
///
/// Service, configuration, annotation policy, recordings, access rules and the models that `vrbridge models pull
/// --default` fetches derive from it.
public struct PerceptionTask: Sendable {
  /// The name of a task in the configuration.
  public struct Name: RawRepresentable, Sendable, Hashable {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
  }

  /// A model that the task runs unless the configuration names another.
  public struct Model: Sendable, Hashable {
    /// In the registry and in the catalogue.
    public var name: String
    public var task: ModelTask

    public init(_ name: String, _ task: ModelTask) {
      self.name = name
      self.task = task
    }
  }

  /// A kind of annotation that the task publishes, with its colour and default policy.
  public struct Output: Sendable {
    public var kind: Annotation.Kind
    public var color: AnnotationColor
    public var rule: AnnotationRule

    public init(
      _ kind: Annotation.Kind, color: AnnotationColor, rule: AnnotationRule = AnnotationRule()
    ) {
      self.kind = kind
      self.color = color
      self.rule = rule
    }
  }

  /// The implementation of a task.
  public enum Worker: Sendable {
    /// A stage that processes camera frames.
    case frames(@Sendable (PerceptionContext) -> any PerceptionStage)
    /// A service with its own input, which also receives the annotations of all stages.
    case observer(@Sendable (PerceptionContext) -> any AnnotationObserver)
  }

  public let name: Name
  public let models: [Model]
  public let outputs: [Output]
  public let priority: InferencePriority
  /// Shortest time between two frames.
  public let interval: @Sendable (PerceptionSettings) -> Duration
  public let worker: Worker

  /// - Parameters:
  ///   - models: empty for tasks without a default model.
  ///   - outputs: all kinds of annotations that the worker publishes; others are dropped.
  ///   - priority: of the worker's inferences.
  public init(
    name: Name, models: [Model], outputs: [Output], priority: InferencePriority,
    interval: @escaping @Sendable (PerceptionSettings) -> Duration = { _ in .zero }, worker: Worker
  ) {
    self.name = name
    self.models = models
    self.outputs = outputs
    self.priority = priority
    self.interval = interval
    self.worker = worker
  }

  public var kinds: Set<Annotation.Kind> { Set(outputs.map(\.kind)) }

  /// The permissions that protect the task's annotations.
  public var scopes: Set<PrivacyScope> { Set(outputs.map(\.kind.scope)) }
}

extension [PerceptionTask] {
  public var names: [PerceptionTask.Name] { map(\.name) }

  /// The kinds of annotations that the tasks publish, each once.
  public var kinds: [Annotation.Kind] {
    reduce(into: []) { list, task in
      list += task.outputs.map(\.kind).filter { kind in !list.contains(kind) }
    }
  }

  /// Registry names of the models that the tasks run by default, each once.
  public var models: Set<String> { Set(flatMap(\.models).map(\.name)) }

  /// The first output of a kind; tasks that share a kind share its colour and default policy.
  private func output(_ kind: Annotation.Kind) -> PerceptionTask.Output? {
    for task in self {
      if let output = task.outputs.first(where: { $0.kind == kind }) { return output }
    }
    return nil
  }

  /// The colour of a kind; kinds that no task publishes have the colour of speech.
  public func color(of kind: Annotation.Kind) -> AnnotationColor { output(kind)?.color ?? .speech }

  /// The default policy of a kind.
  public func rule(for kind: Annotation.Kind) -> AnnotationRule { output(kind)?.rule ?? AnnotationRule() }
}
