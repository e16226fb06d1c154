import Inference
import Perception
import StrictYAML

/// What is looked for in the frames: `perception:` in the configuration.
public struct PerceptionSettings: Sendable, Equatable {
  public enum Task: String, Sendable, CaseIterable {
    case hands, objects, text
    /// Movements of controllers and hands.
    case gestures
  }

  /// How movements are told apart.
  public enum MovementLearner: String, Sendable, CaseIterable {
    /// By the nearest example.
    case examples
    /// By the network that `vrbridge gestures train --network` made.
    case network
  }

  public var tasks: Set<Task> = []
  public var movements = MovementLearner.examples
  /// The model that finds objects.
  public var detector = ObjectStage.model
  /// Objects below this score are not told.
  public var minimumScore = 0.3
  /// Texts a second at most: reading takes its time.
  public var textRate = 1.0

  public static let keys = ["tasks", "movements", "detector", "min_score", "text_rate"]

  public init() {}

  init(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: Self.keys)
    for item in try map["tasks"]?.list(count: 0...8) ?? [] {
      tasks.insert(try item.choice(Task.allCases.map { ($0.rawValue, $0) }))
    }
    if let given = map["movements"] {
      movements = try given.choice(MovementLearner.allCases.map { ($0.rawValue, $0) })
    }
    if let given = map["detector"] {
      detector = try given.string()
      guard ModelManifest.isName(detector) else {
        throw given.error("a model's name is made of a-z, 0-9, '-' and '_'")
      }
    }
    if let given = map["min_score"] { minimumScore = try given.number(in: 0.05...1) }
    if let given = map["text_rate"] { textRate = try given.number(in: 0.01...30) }
  }

  var lines: [(key: String, value: String)] {
    [
      ("tasks", "[" + tasks.map(\.rawValue).sorted().joined(separator: ", ") + "]"),
      ("movements", movements.rawValue), ("detector", detector), ("min_score", String(minimumScore)),
      ("text_rate", String(textRate)),
    ]
  }
}
