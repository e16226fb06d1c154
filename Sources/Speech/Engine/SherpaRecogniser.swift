import CSherpaOnnx
import Foundation
import Inference

/// A recogniser that runs in this process, through sherpa-onnx.
///
/// `@unchecked Sendable`: sherpa-onnx decodes streams of one recogniser from any thread.
public final class SherpaRecogniser: SpeechRecogniser, @unchecked Sendable {
  public let identity: RecogniserIdentity
  private let handle: OpaquePointer
  /// Kept: ONNX Runtime may map what it reads.
  private let files: MemoryFiles

  static let architectures: [ModelDecoder: Int32] = [
    .moonshine: Int32(CSHERPA_MOONSHINE), .whisper: Int32(CSHERPA_WHISPER),
    .transducer: Int32(CSHERPA_TRANSDUCER), .paraformer: Int32(CSHERPA_PARAFORMER),
    .senseVoice: Int32(CSHERPA_SENSE_VOICE), .zipformerCTC: Int32(CSHERPA_ZIPFORMER_CTC),
    .nemoCTC: Int32(CSHERPA_NEMO_CTC),
  ]

  /// - Parameters:
  ///   - package: from the registry: what is run is what was verified.
  ///   - language: for models of several; nil lets the model decide.
  ///   - signedWeights: what the model says is the same either way.
  public init(
    _ package: ModelPackage, digest: String, library: SherpaLibrary, language: String? = nil,
    threads: Int = 1, signedWeights: Bool = SignedWeights.areQuicker
  ) throws(SpeechFault) {
    let manifest = package.manifest
    let name = "\(manifest.name) \(manifest.version)"
    guard let decoder = manifest.decoder, let architecture = Self.architectures[decoder] else {
      let known = Self.architectures.keys.map(\.rawValue).sorted().joined(separator: ", ")
      throw SpeechFault("\(name): its manifest names no decoder of speech; allowed: \(known)")
    }
    var contents = package.files
    if let place = contents.firstIndex(where: { $0.name == MoonshineTokens.fileName }) {
      guard let lines = MoonshineTokens.lines(contents[place].bytes) else {
        throw SpeechFault("\(name): '\(MoonshineTokens.fileName)' is no vocabulary")
      }
      contents[place] = ModelPackage.File(name: "tokens.txt", bytes: lines)
    }
    if signedWeights {
      for place in contents.indices { contents[place].bytes = SignedWeights.converted(contents[place].bytes) }
    }
    let files: MemoryFiles
    do throws(InferenceError) { files = try MemoryFiles(contents) } catch {
      throw SpeechFault("\(name): \(error)")
    }
    /// The file whose name has the word; a model of one file has any.
    func part(_ word: String) -> String? {
      contents.first { $0.name.contains(word) && $0.name != "tokens.txt" }.map { files.path($0.name) }
    }
    guard contents.contains(where: { $0.name == "tokens.txt" }) else {
      throw SpeechFault("\(name): it has neither tokens.txt nor \(MoonshineTokens.fileName)")
    }
    let isWhole = ![.moonshine, .whisper, .transducer].contains(decoder)
    let encoder =
      isWhole ? contents.first { $0.name.hasSuffix(".onnx") }.map { files.path($0.name) } : part("encoder")
    guard let encoder, isWhole || part("decoder") != nil, decoder != .transducer || part("joiner") != nil
    else {
      throw SpeechFault(
        "\(name): a \(decoder.rawValue) model has "
          + (isWhole ? "one .onnx file" : "files with 'encoder' and 'decoder' in their names")
          + (decoder == .transducer ? ", and one with 'joiner'" : ""))
    }
    // Strings live until the recogniser is made: it copies what it keeps.
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
      throw SpeechFault("\(name): sherpa-onnx can't read its files")
    }
    handle = made
    self.files = files
    identity = RecogniserIdentity(model: manifest.name, version: manifest.version, digest: digest)
  }

  deinit { csherpa_recogniser_free(handle) }

  public func recognise(_ samples: [Float]) throws(SpeechFault) -> Recognition {
    // Less than a tenth of a second is no word, and some models divide by its frames.
    guard samples.count >= 1600 else { return Recognition(text: "") }
    var result = csherpa_result()
    let status = samples.withUnsafeBufferPointer {
      csherpa_recognise(handle, $0.baseAddress, Int32(clamping: $0.count), &result)
    }
    guard status == 0 else { throw SpeechFault("\(identity.model): sherpa-onnx gives no result") }
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
