import Inference
public import Settings
public import StrictYAML

/// The perception tasks that run, with their settings: `perception:` in the configuration.
public struct PerceptionSettings: Sendable, Equatable {
  /// Methods of classifying movements.
  public enum MovementLearner: String, Sendable, CaseIterable {
    /// The nearest example.
    case examples
    /// The network that `vrbridge gestures train --network` trains.
    case network
  }

  public var tasks: Set<PerceptionTask.Name> = []
  public var movements = MovementLearner.examples
  /// Registry name of the object detector.
  public var detector = ObjectDetector.defaultModel
  /// Lowest score of a published object, 0 to 1.
  public var minimumScore = 0.3
  /// Frames read by text recognition per second at most.
  public var textRate = 1.0
  /// Folder of gesture examples. Derived from the state folder, not a key of the configuration.
  public var gestureFolder = ""

  public init() {}

  /// - Parameter known: the tasks that may be named.
  public init(_ value: YAMLValue, known: [PerceptionTask]) throws(DocumentError) {
    try apply(value, table: Self.table(known))
  }
}

extension PerceptionSettings: TabulatedSettings {
  public static var table: [SettingKey<Self>] { table(PerceptionTask.all) }

  /// - Parameter known: the tasks that may be named.
  public static func table(_ known: [PerceptionTask]) -> [SettingKey<Self>] {
    [
      SettingKey("tasks", \.tasks, tasks(known), "tasks that run on frames and poses"),
      SettingKey("movements", \.movements, .choice, "classifier of movements"),
      SettingKey(
        "detector", \.detector,
        .text.checked { ModelManifest.isName($0) ? nil : "a model's name consists of a-z, 0-9, '-' and '_'" },
        "model that detects objects"),
      SettingKey("min_score", \.minimumScore, .number(0.05...1), "minimum confidence of objects"),
      SettingKey("text_rate", \.textRate, .number(0.01...30, "frames/s"), "rate of text recognition"),
    ]
  }

  private static func tasks(_ known: [PerceptionTask]) -> ValueFormat<Set<PerceptionTask.Name>> {
    ValueFormat(
      allowed: "list of " + known.names.map { "`\($0.rawValue)`" }.joined(separator: ", "),
      parse: { (value) throws(DocumentError) in
        var tasks: Set<PerceptionTask.Name> = []
        for item in try value.list(count: 0...64) {
          tasks.insert(try item.choice(known.names.map { ($0.rawValue, $0) }))
        }
        return tasks
      }, print: { "[" + $0.map(\.rawValue).sorted().joined(separator: ", ") + "]" })
  }
}
