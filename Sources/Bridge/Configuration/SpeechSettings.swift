import Foundation
import Inference
import Speech
import StrictYAML

/// Microphones that are read and what is made of what they hear: `speech:` in the configuration. Nothing is heard unless
/// a microphone is named.
public struct SpeechSettings: Sendable, Equatable {
  public enum Activation: String, Sendable, CaseIterable {
    /// Everything that is said is meant for the bridge.
    case always
    /// What begins with the wake phrase.
    case phrase
    /// What follows a wake word that a model of its own listens for; nothing else is decoded.
    case word
    /// What is said while a button is held.
    case button

    /// Sound is passed over until something says that it is meant.
    var needsOpening: Bool { self == .word || self == .button }
  }

  /// A server of OpenAI's `/audio/transcriptions`.
  public struct Server: Sendable, Equatable {
    public var address: String
    public var model: String
    /// File, or systemd credential.
    public var key: String?
  }

  /// Microphone names as `vrbridge microphones` lists them, `auto` for the headset's own or the default,
  /// `file:PATH`, or `demo` for a question that is played again and again.
  public var microphones: [String] = []
  /// Of the registry.
  public var model = SpeechModels.recogniserName
  public var server: Server?
  public var language: String?
  public var threads = 1
  public var activation = Activation.phrase
  public var phrase = "hey bridge"
  /// The wake word's model in the registry.
  public var wakeModel: String?
  public var wakeThreshold = 0.5
  /// `right_hand/input/a/click`.
  public var button = "right_hand/input/a/click"
  public var hasPunctuation = true
  /// "twenty three" is written 23.
  public var hasDigits = false
  /// Commands that are said may manage the bridge: recentre, record.
  public var manages = true
  public var segmentation = SegmentationSettings()

  static let keys: [String: [String]] = [
    "speech": [
      "microphones", "model", "server", "language", "threads", "activation", "wake_phrase",
      "wake_model", "wake_threshold", "button",
      "punctuation", "digits", "manage", "voice_threshold", "partial_ms", "final_ms",
    ],
    "server": ["address", "model", "key"],
  ]

  public init() {}

  init(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: Self.keys["speech"] ?? [])
    for item in try map["microphones"]?.list(count: 0...4) ?? [] { microphones.append(try item.string()) }
    if let given = map["model"] { model = try given.string() }
    if let given = try map["server"]?.mapping(keys: Self.keys["server"] ?? []) {
      server = Server(
        address: try Self.address(given.required("address")), model: try given.required("model").string(),
        key: try given["key"]?.string())
    }
    if let given = map["language"] { language = try given.string() }
    if let given = map["threads"] { threads = try given.integer(in: 1...64) }
    if let given = map["activation"] {
      activation = try given.choice(Activation.allCases.map { ($0.rawValue, $0) })
    }
    if let given = map["wake_phrase"] {
      phrase = try given.string()
      guard phrase.contains(where: \.isLetter) else { throw given.error("a wake phrase is made of words") }
    }
    if let given = map["wake_model"] { wakeModel = try given.string() }
    if let given = map["wake_threshold"] { wakeThreshold = try given.number(in: 0.01...0.99) }
    if activation == .word, wakeModel == nil {
      throw (map["activation"] ?? value).error(
        "'activation: word' needs 'wake_model', the name of a wake word's model in the registry")
    }
    if let given = map["button"] {
      button = try given.string()
      guard button.split(separator: "/").count >= 3 else {
        throw given.error("a button is ROLE/input/NAME/click, such as right_hand/input/a/click")
      }
    }
    if let given = map["punctuation"] { hasPunctuation = try given.boolean() }
    if let given = map["digits"] { hasDigits = try given.boolean() }
    if let given = map["manage"] { manages = try given.boolean() }
    if let given = map["voice_threshold"] { segmentation.voiceThreshold = try given.number(in: 0.05...0.95) }
    if let given = map["partial_ms"] {
      let interval = try given.number(in: 0...5000) / 1000
      segmentation.tellsPartials = interval > 0
      if interval > 0 { segmentation.partialInterval = max(0.1, interval) }
    }
    if let given = map["final_ms"] {
      segmentation.secondPause = try given.number(in: 200...5000) / 1000
      segmentation.firstPause = min(segmentation.firstPause, segmentation.secondPause * 0.8)
      segmentation.separation = max(segmentation.separation, segmentation.secondPause)
    }
  }

  static func address(_ value: YAMLValue) throws(DocumentError) -> String {
    var text = try value.string()
    guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host != nil else {
      throw value.error("a server's address is http://HOST:PORT/v1, or https")
    }
    while text.hasSuffix("/") { text.removeLast() }
    return text
  }

  var lines: [(indent: Int, key: String, value: String)] {
    var list: [(Int, String, String)] = [
      (1, "microphones", "[" + microphones.map(quotedYAML).joined(separator: ", ") + "]"),
      (1, "model", quotedYAML(model)),
    ]
    if let server {
      var text = "{ address: \(quotedYAML(server.address)), model: \(quotedYAML(server.model))"
      if let key = server.key { text += ", key: \(quotedYAML(key))" }
      list.append((1, "server", text + " }"))
    }
    if let wakeModel { list.append((1, "wake_model", quotedYAML(wakeModel))) }
    if let language { list.append((1, "language", quotedYAML(language))) }
    list += [
      (1, "threads", String(threads)), (1, "activation", activation.rawValue),
      (1, "wake_phrase", quotedYAML(phrase)), (1, "wake_threshold", String(wakeThreshold)),
      (1, "button", quotedYAML(button)),
      (1, "punctuation", String(hasPunctuation)), (1, "digits", String(hasDigits)),
      (1, "manage", String(manages)),
      (1, "voice_threshold", String(segmentation.voiceThreshold)),
      (1, "partial_ms", String(segmentation.tellsPartials ? segmentation.partialInterval * 1000 : 0)),
      (1, "final_ms", String(segmentation.secondPause * 1000)),
    ]
    return list
  }

  /// What the registry's recogniser is opened with.
  public func models(_ settings: ModelSettings, stateFolder: String) -> SpeechModels {
    SpeechModels(
      registry: settings.registry(stateFolder: stateFolder), library: settings.speechRuntime, name: model,
      language: language, threads: threads)
  }
}
