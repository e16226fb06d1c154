import Foundation
public import Inference

/// Detects a trained wake word in a stream of sound, in the three stages of openWakeWord
/// (github.com/dscripka/openWakeWord): mel bands each 10 ms, a vector each 80 ms by Google's speech embedding (Lin et al.,
/// ICASSP 2020), and a small network that maps the last vectors to the confidence that the phrase was just spoken.
public struct WakeWordStream: Sendable {
  /// The registry's model of the mel bands, common to all phrases.
  public static let spectrogramName = "wake-spectrogram"
  /// The registry's model of the embedding, common to all phrases.
  public static let embeddingName = "wake-embedding"
  /// Samples of a step: 80 ms.
  public static let step = 1280

  /// Samples before a step that its first mel bands cover.
  private static let context = 480
  private static let bands = 32
  /// Mel frames of 10 ms in an embedding's input.
  private static let window = 76
  /// Numbers of an embedding.
  private static let width = 96
  /// Embeddings in a phrase's input at most.
  private static let longest = 128

  /// The result of a phrase's model.
  public struct Score: Sendable, Equatable {
    /// 0 to 1.
    public var confidence: Double
    public var phrase: String
  }

  private let host: ModelHost
  private let name: String
  private var before = [Float](repeating: 0, count: Self.context)
  private var mels: [Float] = []
  private var embeddings: [Float] = []
  /// Digests of the models that made the embeddings; those of other models are not comparable.
  private var source = ""

  /// - Parameter name: of the phrase's model in the registry.
  public init(host: ModelHost, name: String) {
    self.host = host
    self.name = name
  }

  /// - Parameter samples: the next `step` samples of 16 kHz, −1 to 1.
  /// - Returns: nil until there is enough sound for an embedding.
  /// - Throws: `InferenceError` when one of the models is missing or has other inputs or outputs.
  public mutating func add(_ samples: [Float]) async throws(InferenceError) -> Score? {
    let spectrogram = try await host.model(Self.spectrogramName)
    let embedder = try await host.model(Self.embeddingName)
    let head = try await host.model(name)
    let identity = spectrogram.digest + embedder.digest
    if source != identity {
      mels = []
      embeddings = []
    }
    source = identity

    let scale = Float(head.manifest.soundScale)
    let extended = before + samples
    before = Array(extended.suffix(Self.context))
    let sound = extended.map { $0 * scale }
    // The embedding was trained on decibels in this range.
    mels += try await floats(spectrogram, [1, sound.count], sound).map { $0 / 10 + 2 }
    mels = mels.suffix(Self.window * Self.bands)
    guard mels.count == Self.window * Self.bands else { return nil }

    let vector = try await floats(embedder, [1, Self.window, Self.bands, 1], mels)
    guard vector.count == Self.width else {
      throw InferenceError(
        .model, "'\(Self.embeddingName)' returns \(vector.count) numbers instead of \(Self.width)")
    }
    embeddings += vector
    guard let shape = head.session.inputs.first?.shape, shape.count == 3, shape[2] == Self.width,
      (1...Self.longest).contains(shape[1])
    else {
      throw InferenceError(
        .model, "the input of '\(name)' is no sequence of embeddings, as of openWakeWord's models")
    }
    embeddings = embeddings.suffix(shape[1] * Self.width)
    // The first embedding stands for the time before the sound began.
    var sequence = embeddings
    while sequence.count < shape[1] * Self.width {
      sequence = Array(embeddings.prefix(Self.width)) + sequence
    }
    guard let confidence = try await floats(head, [1, shape[1], Self.width], sequence).first,
      confidence.isFinite
    else {
      throw InferenceError(.model, "'\(name)' returns no number")
    }
    return Score(
      confidence: Double(max(0, min(1, confidence))),
      phrase: head.manifest.labels.first ?? name.replacingOccurrences(of: "-", with: " "))
  }

  private func floats(
    _ model: ModelHost.Loaded, _ shape: [Int], _ values: [Float]
  ) async throws(InferenceError) -> [Float] {
    let outputs = try await host.infer(model, [Tensor(float32: shape, values)], priority: .request)
    guard let values = outputs.first?.withFloats({ Array($0) }) else {
      throw InferenceError(.model, "'\(model.manifest.name)' returns no numbers")
    }
    return values
  }
}
