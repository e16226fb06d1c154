import Foundation
public import Inference

/// A trained wake word over a stream of sound, in openWakeWord's three stages (github.com/dscripka/openWakeWord): mel bands
/// each 10 ms, of which Google's speech embedding (Lin et al., ICASSP 2020) makes a vector each 80 ms, and a small network
/// that says of the last vectors how sure it is that the phrase was just said.
public struct WakeWordStream: Sendable {
  /// Models of the registry that all phrases share.
  public static let spectrogramName = "wake-spectrogram"
  public static let embeddingName = "wake-embedding"
  /// Samples between two answers: 80 ms.
  public static let step = 1280

  /// Samples before a step that its first mel bands look at.
  private static let context = 480
  private static let bands = 32
  /// Mel frames of 10 ms that an embedding is made of.
  private static let window = 76
  private static let width = 96
  private static let longest = 128

  /// What a phrase's model answers.
  public struct Score: Sendable, Equatable {
    /// 0 to 1.
    public var sureness: Double
    public var phrase: String
  }

  private let host: ModelHost
  private let name: String
  private var before = [Float](repeating: 0, count: Self.context)
  private var mels: [Float] = []
  private var embeddings: [Float] = []
  /// What made the embeddings: those of another model can't be compared.
  private var made = ""

  /// - Parameter name: of the phrase's model in the registry.
  public init(host: ModelHost, name: String) {
    self.host = host
    self.name = name
  }

  /// - Parameter samples: the next `step` samples of 16 kHz, −1 to 1.
  /// - Returns: nil until enough sound was heard for an embedding.
  /// - Throws: `InferenceError` when one of the models is missing or can't be used so.
  public mutating func add(_ samples: [Float]) async throws(InferenceError) -> Score? {
    let spectrogram = try await host.model(Self.spectrogramName)
    let embedder = try await host.model(Self.embeddingName)
    let head = try await host.model(name)
    let identity = spectrogram.digest + embedder.digest
    if made != identity {
      mels = []
      embeddings = []
    }
    made = identity

    let scale = Float(head.manifest.soundScale)
    let heard = before + samples
    before = Array(heard.suffix(Self.context))
    let sound = heard.map { $0 * scale }
    // Decibels into the range that the embedding was trained on.
    mels += try await floats(spectrogram, [1, sound.count], sound).map { $0 / 10 + 2 }
    mels = mels.suffix(Self.window * Self.bands)
    guard mels.count == Self.window * Self.bands else { return nil }

    let vector = try await floats(embedder, [1, Self.window, Self.bands, 1], mels)
    guard vector.count == Self.width else {
      throw InferenceError(.model, "'\(Self.embeddingName)' gives \(vector.count) numbers, not \(Self.width)")
    }
    embeddings += vector
    guard let shape = head.session.inputs.first?.shape, shape.count == 3, shape[2] == Self.width,
      (1...Self.longest).contains(shape[1])
    else {
      throw InferenceError(.model, "'\(name)' does not take a row of embeddings, as openWakeWord's models do")
    }
    embeddings = embeddings.suffix(shape[1] * Self.width)
    // Before the sound began all was as at its beginning.
    var row = embeddings
    while row.count < shape[1] * Self.width { row = Array(embeddings.prefix(Self.width)) + row }
    guard let sureness = try await floats(head, [1, shape[1], Self.width], row).first, sureness.isFinite
    else {
      throw InferenceError(.model, "'\(name)' gives no number")
    }
    return Score(
      sureness: Double(max(0, min(1, sureness))),
      phrase: head.manifest.labels.first ?? name.replacingOccurrences(of: "-", with: " "))
  }

  private func floats(
    _ model: ModelHost.Loaded, _ shape: [Int], _ values: [Float]
  ) async throws(InferenceError) -> [Float] {
    let outputs = try await host.infer(model, [Tensor(float32: shape, values)], priority: .service)
    guard let values = outputs.first?.withFloats({ Array($0) }) else {
      throw InferenceError(.model, "'\(model.manifest.name)' gives no numbers")
    }
    return values
  }
}
