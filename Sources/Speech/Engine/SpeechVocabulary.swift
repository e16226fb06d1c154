import Inference

extension ModelTask {
  public static let speechRecognition = ModelTask(rawValue: "speech-recognition")
  public static let voiceActivity = ModelTask(rawValue: "voice-activity")
  public static let wakeWord = ModelTask(rawValue: "wake-word")
}

/// Architectures of speech recognition that sherpa-onnx runs.
extension ModelDecoder {
  public static let moonshine = ModelDecoder(rawValue: "moonshine")
  public static let whisper = ModelDecoder(rawValue: "whisper")
  public static let transducer = ModelDecoder(rawValue: "transducer")
  public static let paraformer = ModelDecoder(rawValue: "paraformer")
  public static let senseVoice = ModelDecoder(rawValue: "sense-voice")
  public static let zipformerCTC = ModelDecoder(rawValue: "zipformer-ctc")
  public static let nemoCTC = ModelDecoder(rawValue: "nemo-ctc")
}

extension ModelVocabulary {
  /// Models that this target runs.
  public static let speech = ModelVocabulary(
    tasks: [.speechRecognition, .voiceActivity, .wakeWord],
    decoders: [.moonshine, .whisper, .transducer, .paraformer, .senseVoice, .zipformerCTC, .nemoCTC])
}
