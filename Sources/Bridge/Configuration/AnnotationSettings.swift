import Sensing
import StrictYAML

/// What of all that is seen is told: `annotations:` in the configuration.
public struct AnnotationSettings: Sendable, Equatable {
  /// For one kind.
  public struct Rule: Sendable, Equatable {
    /// A thing is told from this confidence on…
    public var show = 0.0
    /// … and as long as it stays above this: what lies between does not flicker.
    public var keep = 0.0
    /// Things at a time.
    public var maximum = 64
    /// Updates of one thing a second at most; 0 for all.
    public var rate = 0.0

    public init() {}
  }

  /// Where text goes that is said or answered.
  public struct TextPlace: Sendable, Equatable {
    public enum Place: String, Sendable, CaseIterable {
      /// At the object or writing that the speaker looks at, else ahead.
      case gaze
      /// Where the speaker's head points to, and it stays there.
      case ahead
      /// Before the head, and goes with it.
      case head
      /// Flat on the screen.
      case screen
    }
    public var place = Place.gaze
    /// Metres from the head, where nothing is looked at.
    public var distance = 1.5

    public init() {}
  }

  public var rules: [Annotation.Kind: Rule] = [:]
  public var textPlace = TextPlace()
  /// What is heard in another language is neither told nor acted on, where the engine tells the language; empty for all.
  public var languages: Set<String> = []
  /// Two of a kind at one place become one: the same object twice, a word and the line it is of.
  public var mergesDuplicates = true

  static let kinds: [Annotation.Kind] = [.hand, .gesture, .object, .text]
  static let keys: [String: [String]] = [
    "annotations": kinds.map(\.name) + ["merge", "place", "languages"], "place": ["at", "distance_m"],
    "rule": ["show", "keep", "max", "rate_hz"],
  ]

  public init() {}

  /// Whether something in this language is told: `en-US` is where `en` is wanted, and what has no language is.
  func wants(language: String?) -> Bool {
    guard !languages.isEmpty, let language = language?.lowercased(), !language.isEmpty else { return true }
    return languages.contains(language) || languages.contains(String(language.prefix { $0 != "-" }))
  }

  subscript(kind: Annotation.Kind) -> Rule { rules[kind] ?? Rule() }

  init(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: Self.keys["annotations"] ?? [])
    if let given = map["merge"] { mergesDuplicates = try given.boolean() }
    if let given = try map["place"]?.mapping(keys: Self.keys["place"] ?? []) {
      if let at = given["at"] {
        textPlace.place = try at.choice(TextPlace.Place.allCases.map { ($0.rawValue, $0) })
      }
      if let distance = given["distance_m"] { textPlace.distance = try distance.number(in: 0.2...100) }
    }
    for item in try map["languages"]?.list(count: 0...100) ?? [] {
      let name = try item.string().lowercased()
      guard name.wholeMatch(of: /[a-z]{2,3}(-[a-z0-9]+)*/) != nil else {
        throw item.error("a language is named as in BCP 47: en, de, pt-BR")
      }
      languages.insert(name)
    }
    for kind in Self.kinds {
      guard let entry = map[kind.name] else { continue }
      let given = try entry.mapping(keys: Self.keys["rule"] ?? [])
      var rule = Rule()
      if let show = given["show"] { rule.show = try show.number(in: 0...1) }
      rule.keep = rule.show
      if let keep = given["keep"] { rule.keep = try keep.number(in: 0...1) }
      guard rule.keep <= rule.show else {
        throw entry.error("'keep' is not above 'show': what is shown would vanish at once")
      }
      if let maximum = given["max"] { rule.maximum = try maximum.integer(in: 1...1000) }
      if let rate = given["rate_hz"] { rule.rate = try rate.number(in: 0.1...1000) }
      rules[kind] = rule
    }
  }

  var lines: [(key: String, value: String)] {
    var list = [
      ("merge", String(mergesDuplicates)),
      ("place", "{ at: \(textPlace.place.rawValue), distance_m: \(textPlace.distance) }"),
    ]
    if !languages.isEmpty { list.append(("languages", "[\(languages.sorted().joined(separator: ", "))]")) }
    for kind in Self.kinds {
      guard let rule = rules[kind] else { continue }
      var text = "{ show: \(rule.show), keep: \(rule.keep), max: \(rule.maximum)"
      if rule.rate > 0 { text += ", rate_hz: \(rule.rate)" }
      list.append((kind.name, text + " }"))
    }
    return list
  }
}
