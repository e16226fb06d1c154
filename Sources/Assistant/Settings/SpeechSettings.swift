import Foundation
import Inference
public import Settings
import Speech
public import StrictYAML

/// Settings of microphones and speech recognition: `speech:` in the configuration. Off until a microphone is configured.
public struct SpeechSettings: Sendable, Equatable {
  public enum Activation: String, Sendable, CaseIterable {
    /// All speech is addressed to the bridge.
    case always
    /// Utterances that begin with the wake phrase are addressed.
    case phrase
    /// Speech after a wake word is addressed; a model detects the word, and other speech is not decoded.
    case word
    /// Speech while a button is held is addressed; other speech is not decoded.
    case button

    /// Sound is not decoded until a wake word or a button opens the microphone.
    package var needsOpening: Bool { self == .word || self == .button }
  }

  /// A server with OpenAI's `/audio/transcriptions`.
  public struct Server: Sendable, Equatable {
    public var address: String
    public var model: String
    /// File or systemd credential with the API key.
    public var key: String?
  }

  /// Microphone names as `vrbridge microphones` lists them, `auto` for the headset's own or the default,
  /// `file:PATH`, or `demo` for a recorded question each 20 seconds.
  public var microphones: [String] = []
  /// Name of the recogniser in the registry.
  public var model = SpeechModels.recogniserName
  public var server: Server?
  /// Language of the recogniser, such as `en`; nil to detect it.
  public var language: String?
  /// Threads of the recogniser.
  public var threads = 1
  public var activation = Activation.phrase
  /// The wake phrase.
  public var phrase = "hey bridge"
  /// Name of the wake word's model in the registry.
  public var wakeModel: String?
  /// Confidence from which the wake word counts as detected, 0 to 1.
  public var wakeThreshold = 0.5
  /// Push-to-talk button, as role and control.
  public var button = "right_hand/input/a/click"
  /// Transcripts keep their punctuation.
  public var hasPunctuation = true
  /// Transcripts contain digits: 23 instead of "twenty three".
  public var hasDigits = false
  /// Spoken commands may recentre and record. Texts of clients have the rights of the client.
  public var manages = false
  public var segmentation = SegmentationSettings()

  public init() {}

  /// Returns a server's address without trailing slashes.
  static func address(_ value: YAMLValue) throws(DocumentError) -> String {
    var text = try value.string()
    guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host != nil else {
      throw value.error("the format is http://HOST:PORT/v1, or https")
    }
    while text.hasSuffix("/") { text.removeLast() }
    return text
  }
}

extension SpeechSettings: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey(
      "microphones", \.microphones, .texts(0...4),
      "up to 4 of `auto`, names that `vrbridge microphones` lists, `file:PATH`, `demo`"),
    SettingKey("model", \.model, .text, "recogniser of the registry"),
    SettingKey(
      "server",
      "`{ address, model, key }`: a server with OpenAI's `/audio/transcriptions`, in place of `model`",
      parse: { (value, settings) throws(DocumentError) in
        let map = try value.mapping(keys: ["address", "model", "key"])
        settings.server = Server(
          address: try address(map.required("address")), model: try map.required("model").string(),
          key: try map["key"]?.string())
      }, lines: { $0.server.map { [ConfigurationLine("server", $0.inline)] } ?? [] }),
    SettingKey("wake_model", \.wakeModel, ValueFormat.text.optional, "model of a wake word in the registry"),
    SettingKey(
      "language", \.language, ValueFormat.text.optional, "language of a multilingual model, such as `en`",
      standard: "detected"),
    SettingKey("threads", \.threads, .integer(1...64), "threads of the recogniser"),
    SettingKey(
      "activation", \.activation, .choice,
      "speech is addressed to the bridge always, after a phrase, after a wake word, or while a button is pressed"
    ),
    SettingKey(
      "wake_phrase", \.phrase,
      .text.checked { $0.contains(where: \.isLetter) ? nil : "the wake phrase contains no letters" },
      "words before a command"),
    SettingKey(
      "wake_threshold", \.wakeThreshold, .number(0.01...0.99), "confidence at which a wake word is detected"),
    SettingKey(
      "button", \.button,
      .text.checked {
        $0.split(separator: "/").count >= 3
          ? nil : "the format is ROLE/input/NAME/click, such as right_hand/input/a/click"
      }, "push-to-talk button: ROLE/input/NAME/click"),
    SettingKey("punctuation", \.hasPunctuation, .boolean, "transcripts keep their punctuation"),
    SettingKey("digits", \.hasDigits, .boolean, "transcripts contain digits in place of number words"),
    SettingKey(
      "manage", \.manages, .boolean,
      "spoken commands may recentre and record; a text that a client sends has the client's scopes"),
    SettingKey(
      "voice_threshold", \.segmentation.voiceThreshold, .number(0.05...0.95),
      "confidence at which sound is a voice"),
    SettingKey(
      "partial_ms", "0 to 5,000 ms: voice between partial transcripts; 0 for final transcripts only",
      parse: { (value, settings) throws(DocumentError) in
        let interval = try value.number(in: 0...5000) / 1000
        settings.segmentation.emitsPartialResults = interval > 0
        if interval > 0 { settings.segmentation.partialInterval = max(0.1, interval) }
      },
      lines: {
        let segmentation = $0.segmentation
        return [
          ConfigurationLine(
            "partial_ms",
            String(segmentation.emitsPartialResults ? segmentation.partialInterval * 1000 : 0))
        ]
      }),
    SettingKey(
      "final_ms", "200 to 5,000 ms: silence before a final transcript",
      parse: { (value, settings) throws(DocumentError) in
        let pause = try value.number(in: 200...5000) / 1000
        settings.segmentation.secondPause = pause
        settings.segmentation.firstPause = min(settings.segmentation.firstPause, pause * 0.8)
        settings.segmentation.separation = max(settings.segmentation.separation, pause)
      }, lines: { [ConfigurationLine("final_ms", String($0.segmentation.secondPause * 1000))] }),
  ]

  public func validate(_ map: YAMLMapping) throws(DocumentError) {
    guard activation != .word || wakeModel != nil else {
      throw (map["activation"] ?? map.value).error(
        "'activation: word' requires 'wake_model', the name of a wake word's model in the registry")
    }
  }
}

extension SpeechSettings.Server {
  /// YAML on one line.
  fileprivate var inline: String {
    let key = key.map { ", key: \(quotedYAML($0))" } ?? ""
    return "{ address: \(quotedYAML(address)), model: \(quotedYAML(model))\(key) }"
  }
}
