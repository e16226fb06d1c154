/// The purpose of a model, which defines how its tensors are interpreted.
///
/// The type is open: targets that run models declare their tasks as static members and list them in a
/// `ModelVocabulary`.
public struct ModelTask: RawRepresentable, Sendable, Hashable {
  /// The text in a manifest.
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }

  /// Any tensors in, any tensors out.
  public static let tensors = ModelTask(rawValue: "tensors")
}

/// The algorithm that decodes a model's output tensors. The type is open, like `ModelTask`.
public struct ModelDecoder: RawRepresentable, Sendable, Hashable {
  /// The text in a manifest.
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }
}

/// The tasks and decoders that manifests may name.
public struct ModelVocabulary: Sendable, Equatable {
  /// In the order in which messages list them.
  public var tasks: [ModelTask]
  public var decoders: [ModelDecoder]

  public init(tasks: [ModelTask], decoders: [ModelDecoder] = []) {
    self.tasks = tasks
    self.decoders = decoders
  }

  /// Models whose tensors need no interpretation.
  public static let tensors = ModelVocabulary(tasks: [.tensors])

  public static func + (left: Self, right: Self) -> Self {
    ModelVocabulary(tasks: left.tasks + right.tasks, decoders: left.decoders + right.decoders)
  }
}
