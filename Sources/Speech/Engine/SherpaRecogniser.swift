import CSherpaOnnx
import Foundation
import Inference

/// Runs a recogniser in this process through sherpa-onnx.
///
/// `@unchecked Sendable`: sherpa-onnx may decode streams of one recogniser on any thread.
public final class SherpaRecogniser: SpeechRecogniser, @unchecked Sendable {
  public let identity: RecogniserIdentity
  private let handle: OpaquePointer
  /// Kept, as ONNX Runtime may map its input.
  private let files: MemoryFiles

  /// Samples of the shortest sound that is decoded: a tenth of a second. Shorter sound holds no word, and some models
  /// divide by its number of frames.
  private static let shortest = 1600

  static let architectures: [ModelDecoder: Int32] = [
    .moonshine: Int32(CSHERPA_MOONSHINE), .whisper: Int32(CSHERPA_WHISPER),
    .transducer: Int32(CSHERPA_TRANSDUCER), .paraformer: Int32(CSHERPA_PARAFORMER),
    .senseVoice: Int32(CSHERPA_SENSE_VOICE), .zipformerCTC: Int32(CSHERPA_ZIPFORMER_CTC),
    .nemoCTC: Int32(CSHERPA_NEMO_CTC),
  ]

  /// - Parameters:
  ///   - package: of the registry, verified.
  ///   - language: for multilingual models; nil lets the model detect it.
  ///   - signedWeights: converts 8-bit weights, which changes the speed but not the result.
  public init(
    _ package: ModelPackage, digest: String, library: SherpaLibrary, language: String? = nil,
    threads: Int = 1, signedWeights: Bool = SignedWeights.areQuicker
  ) throws(SpeechError) {
    let manifest = package.manifest
    let name = "\(manifest.name) \(manifest.version)"
    guard let decoder = manifest.decoder, let architecture = Self.architectures[decoder] else {
      let known = Self.architectures.keys.map(\.rawValue).sorted().joined(separator: ", ")
      throw SpeechError(
        "\(name): the manifest's 'decoder' is no speech decoder; allowed: \(known)",
        code: "speech-model-invalid")
    }
    var contents = package.files
    if let index = contents.firstIndex(where: { $0.name == MoonshineTokens.fileName }) {
      guard let lines = MoonshineTokens.lines(contents[index].bytes) else {
        throw SpeechError(
          "\(name): '\(MoonshineTokens.fileName)' is no Moonshine vocabulary", code: "speech-model-invalid")
      }
      contents[index] = ModelPackage.File(name: "tokens.txt", bytes: lines)
    }
    if signedWeights {
      for index in contents.indices { contents[index].bytes = SignedWeights.converted(contents[index].bytes) }
    }
    let files: MemoryFiles
    do throws(InferenceError) { files = try MemoryFiles(contents) } catch {
      throw SpeechError("\(name): \(error)", code: "speech-model-invalid")
    }
    /// Returns the path of the file whose name contains a word.
    func part(_ word: String) -> String? {
      contents.first { $0.name.contains(word) && $0.name != "tokens.txt" }.map { files.path($0.name) }
    }
    guard contents.contains(where: { $0.name == "tokens.txt" }) else {
      throw SpeechError(
        "\(name): it has neither tokens.txt nor \(MoonshineTokens.fileName)", code: "speech-model-invalid")
    }
    let isSingleFile = ![.moonshine, .whisper, .transducer].contains(decoder)
    let encoder =
      isSingleFile
      ? contents.first { $0.name.hasSuffix(".onnx") }.map { files.path($0.name) } : part("encoder")
    guard let encoder, isSingleFile || part("decoder") != nil, decoder != .transducer || part("joiner") != nil
    else {
      throw SpeechError(
        "\(name): a \(decoder.rawValue) model has "
          + (isSingleFile ? "one .onnx file" : "files with 'encoder' and 'decoder' in their names")
          + (decoder == .transducer ? ", and one with 'joiner'" : ""),
        code: "speech-model-invalid")
    }
    // The recogniser copies the strings; they are freed afterwards.
    var strings: [UnsafeMutablePointer<CChar>] = []
    defer { for string in strings { free(string) } }
    func text(_ value: String?) -> UnsafePointer<CChar>? {
      guard let value, let copy = strdup(value) else { return nil }
      strings.append(copy)
      return UnsafePointer(copy)
    }
    var model = csherpa_model()
    model.architecture = architecture
    model.encoder = text(encoder)
    model.decoder = text(part("decoder"))
    model.joiner = text(part("joiner"))
    model.tokens = text(files.path("tokens.txt"))
    model.language = text(language)
    model.threads = Int32(clamping: threads)
    guard let made = csherpa_recogniser_create(library.handle.pointer, &model) else {
      throw SpeechError(
        "\(name): sherpa-onnx cannot load its files; install it again with: vrbridge models pull "
          + manifest.name, code: "speech-model-invalid")
    }
    handle = made
    self.files = files
    identity = RecogniserIdentity(model: manifest.name, version: manifest.version, digest: digest)
  }

  deinit { csherpa_recogniser_free(handle) }

  public func recognise(_ samples: [Float]) throws(SpeechError) -> Recognition {
    guard samples.count >= Self.shortest else { return Recognition(text: "") }
    var result = csherpa_result()
    let status = samples.withUnsafeBufferPointer {
      csherpa_recognise(handle, $0.baseAddress, Int32(clamping: $0.count), &result)
    }
    guard status == 0 else {
      throw SpeechError(
        "\(identity.model): sherpa-onnx failed to decode \(samples.count) samples",
        code: "speech-recognition-failed")
    }
    defer { csherpa_result_free(handle, &result) }
    var recognition = Recognition(
      text: result.text.map { String(cString: $0) }?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "")
    if let language = result.language.map({ String(cString: $0) }), !language.isEmpty {
      recognition.language = language.trimmingCharacters(in: CharacterSet(charactersIn: "<|>"))
    }
    let count = Int(result.count)
    guard count > 0 else { return recognition }
    if let logs = result.log_probabilities {
      let sum = (0..<count).reduce(0.0) { $0 + Double(exp(logs[$1])) }
      recognition.confidence = min(max(sum / Double(count), 0), 1)
    }
    if let times = result.times, let tokens = result.tokens {
      let texts = (0..<count).map { tokens[$0].map { String(cString: $0) } ?? "" }
      recognition.words = TokenWords.words(
        texts, times: (0..<count).map { Double(times[$0]) }, length: Double(samples.count) / 16_000,
        probabilities: result.log_probabilities.map { logs in (0..<count).map { Double(exp(logs[$0])) } })
    }
    return recognition
  }
}
