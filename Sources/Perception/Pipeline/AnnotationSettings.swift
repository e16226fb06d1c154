import Sensing
public import Settings
public import StrictYAML

/// The policy for annotations of one kind.
public struct AnnotationRule: Sendable, Equatable {
  /// Confidence from which an annotation is published, 0 to 1.
  public var show = 0.0
  /// Confidence below which a published annotation ends. The gap to `show` prevents flicker.
  public var keep = 0.0
  /// Simultaneous annotations at most.
  public var maximum = 64
  /// Updates of one annotation per second at most; 0 for all.
  public var rate = 0.0

  public init() {}
}

/// The policy for published annotations: `annotations:` in the configuration.
public struct AnnotationSettings: Sendable, Equatable {
  /// The anchor of transcripts and answers.
  public struct TextAnchor: Sendable, Equatable {
    public enum Mode: String, Sendable, CaseIterable {
      /// At the object or text in the speaker's gaze, otherwise ahead.
      case gaze
      /// In the direction of the speaker's head, fixed in the world.
      case ahead
      /// In front of the head, moving with it.
      case head
      /// On the screen.
      case screen
    }
    public var mode = Mode.gaze
    /// Metres from the head, for text that is not anchored at an object.
    public var distance = 1.5

    public init() {}
  }

  /// Configured rules; other kinds have the rule of their task.
  public var rules: [Annotation.Kind: AnnotationRule] = [:]
  public var textAnchor = TextAnchor()
  /// Languages of published speech, in lower case; empty for all. Speech of unknown language is published.
  public var languages: Set<String> = []
  /// Merges annotations of one kind in the same direction: an object detected twice, or a word and its line.
  public var mergesDuplicates = true

  public init() {}

  /// Whether speech in a language is published: `en` includes `en-US`.
  package func wants(language: String?) -> Bool {
    guard !languages.isEmpty, let language = language?.lowercased(), !language.isEmpty else { return true }
    return languages.contains(language) || languages.contains(String(language.prefix { $0 != "-" }))
  }

  /// - Parameter tasks: the tasks whose annotation kinds may be configured.
  public init(_ value: YAMLValue, tasks: [PerceptionTask] = PerceptionTask.all) throws(DocumentError) {
    try apply(value, table: Self.table(tasks))
  }
}

extension AnnotationRule: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey(
      "show", "0 to 1: confidence at which an annotation appears",
      parse: { (value, rule) throws(DocumentError) in
        rule.show = try value.number(in: 0...1)
        rule.keep = rule.show
      }, lines: { [ConfigurationLine("show", String($0.show))] }),
    SettingKey("keep", \.keep, .number(0...1), "confidence below which it disappears; at most `show`"),
    SettingKey("max", \.maximum, .integer(1...1000), "annotations at a time"),
    SettingKey(
      "rate_hz", "0.1 to 1,000: updates of one annotation a second", standard: "all",
      parse: { (value, rule) throws(DocumentError) in rule.rate = try value.number(in: 0.1...1000) },
      lines: { $0.rate > 0 ? [ConfigurationLine("rate_hz", String($0.rate))] : [] }),
  ]

  public func validate(_ map: YAMLMapping) throws(DocumentError) {
    guard keep <= show else {
      throw map.error("'keep' must not exceed 'show'; otherwise an annotation would end when it appears")
    }
  }
}

extension AnnotationSettings.TextAnchor: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey("at", \.mode, .choice, "anchor of transcripts and answers"),
    SettingKey("distance_m", \.distance, .number(0.2...100, "m"), "distance from the head"),
  ]
}

extension AnnotationSettings: TabulatedSettings {
  public static var table: [SettingKey<Self>] { table(PerceptionTask.all) }

  /// - Parameter tasks: the tasks whose annotation kinds may be configured.
  public static func table(_ tasks: [PerceptionTask]) -> [SettingKey<Self>] {
    [
      SettingKey("merge", \.mergesDuplicates, .boolean, "merge annotations of the same object"),
      SettingKey(
        "place", \.textAnchor,
        "anchor of transcripts and answers: `gaze`, `ahead`, `head`, `screen`; 0.2 to 100 m from the head"),
      SettingKey(
        "languages", \.languages, languageTags, "speech in other languages is discarded", standard: "all"),
    ]
      + tasks.kinds.map { kind in
        let standard = tasks.rule(for: kind)
        return SettingKey(
          kind.name, "policy of \(kind.name) annotations: `{ show, keep, max, rate_hz }`",
          standard: "`\(standard.inline)`",
          parse: { (value, settings) throws(DocumentError) in
            var rule = standard
            try rule.apply(value)
            settings.rules[kind] = rule
          },
          lines: { settings in settings.rules[kind].map { [ConfigurationLine(kind.name, $0.inline)] } ?? [] })
      }
  }

  private static let languageTags = ValueFormat<Set<String>>(
    allowed: "list of BCP 47 tags",
    parse: { (value) throws(DocumentError) in
      var languages: Set<String> = []
      for item in try value.list(count: 0...100) {
        let name = try item.string().lowercased()
        guard name.wholeMatch(of: /[a-z]{2,3}(-[a-z0-9]+)*/) != nil else {
          throw item.error("languages have BCP 47 names: en, de, pt-BR")
        }
        languages.insert(name)
      }
      return languages
    }, print: { $0.isEmpty ? nil : "[\($0.sorted().joined(separator: ", "))]" })
}
