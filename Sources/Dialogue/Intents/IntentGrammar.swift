import Foundation

/// Matches commands by their words, without a model.
///
/// A pattern is a sequence of words: `a|b` is either, `(a)` is optional, and `…` at the end captures the rest as the slot.
public struct IntentGrammar: Sendable {
  private struct Pattern {
    enum Part {
      case words([String], isOptional: Bool)
      case rest
    }
    var parts: [Part]
    var make: @Sendable (String) -> Intent
  }

  /// Each intent with its patterns.
  private static let phrases: [(@Sendable (String) -> Intent, [String])] = [
    (
      { _ in .recenter },
      [
        "recenter|recentre|re-center|reset (the|my) (view|pose|position|tracking)",
        "center|centre (the|my) view",
        "reset (the|my) view",
      ]
    ),
    (
      { _ in .startRecording },
      ["start|begin (a|the) (new) recording", "start|begin to record", "record this|now|everything (now)"]
    ),
    ({ _ in .stopRecording }, ["stop|end|finish (the) recording", "stop to record", "end|stop the session"]),
    (
      { .label($0) },
      [
        "label|name|call|mark|tag this|that|it (thing|object|one) as …",
        "label|name|call|tag this|that|it (thing|object|one) …",
        "this|that is|s called|named …", "remember this|that as …",
      ]
    ),
    (
      { .note($0) },
      [
        "take|make|write (down) (a|the|this) note (that|saying) …", "note|remember (that) …",
        "write down (that) …",
      ]
    ),
    (
      { _ in .describe },
      [
        "what is|s|are this|that|these|those (thing|object|one) (here|there)",
        "what am i looking|seeing at", "what do i see (here)", "what am i looking at (here|now)",
        "describe|identify this|that|it (for) (me)", "tell me what this|that is",
      ]
    ),
    (
      { _ in .forget },
      [
        "forget everything|that|it|this (conversation)", "clear the|our|this conversation|memory",
        "start a new conversation",
      ]
    ),
    (
      { _ in .cancel },
      [
        "cancel (that|this|it)", "never mind", "nevermind", "stop (it|talking|listening) (now)", "be quiet",
        "shut up",
      ]
    ),
    (
      { _ in .confirm },
      ["yes (please|do|it|that)", "yeah|yep|sure|confirm|okay|ok (do|it|that)", "do it", "go ahead"]
    ),
    ({ _ in .refuse }, ["no (thanks|don|t|not)", "nope", "do not", "don t"]),
  ]

  private let patterns: [Pattern]

  /// Filler words that may precede a command.
  private static let before: Set<String> = [
    "please", "now", "okay", "ok", "so", "um", "uh", "hey", "could", "can", "would", "will", "you", "just",
    "and", "well",
  ]
  /// Filler words that may follow a command.
  private static let after: Set<String> = ["please", "now", "thanks", "thank", "you", "for", "me"]

  public init() {
    patterns = Self.phrases.flatMap { make, texts in
      texts.map { Pattern(parts: Self.parse($0), make: make) }
    }
  }

  private static func parse(_ text: String) -> [Pattern.Part] {
    text.split(separator: " ").map { word in
      if word == "…" { return .rest }
      let isOptional = word.hasPrefix("(")
      let core = word.filter { $0 != "(" && $0 != ")" }
      return .words(core.split(separator: "|").map(String.init), isOptional: isOptional)
    }
  }

  /// Returns a text's words in lower case, with their ranges in the text.
  private static func words(_ text: String) -> [(word: String, range: Range<String.Index>)] {
    var list: [(String, Range<String.Index>)] = []
    var start: String.Index?
    func close(_ end: String.Index) {
      if let begin = start { list.append((text[begin..<end].lowercased(), begin..<end)) }
      start = nil
    }
    for index in text.indices {
      let character = text[index]
      if character.isLetter || character.isNumber {
        if start == nil { start = index }
      } else {
        close(index)
      }
    }
    close(text.endIndex)
    return list
  }

  /// Returns the command; nil when no pattern matches.
  public func match(_ text: String) -> IntentMatch? {
    var words = Self.words(text)
    while words.count > 1, Self.before.contains(words[0].word), !isCommand(words) { words.removeFirst() }
    for pattern in patterns {
      if let slot = slot(of: pattern.parts[...], words[...], text) {
        return IntentMatch(intent: pattern.make(slot), confidence: 1)
      }
    }
    return nil
  }

  private func isCommand(_ words: [(word: String, range: Range<String.Index>)]) -> Bool {
    patterns.contains { slot(of: $0.parts[...], words[...], "") != nil }
  }

  /// Returns the slot, empty for a pattern without one; nil when the words do not match.
  private func slot(
    of parts: ArraySlice<Pattern.Part>, _ words: ArraySlice<(word: String, range: Range<String.Index>)>,
    _ text: String
  ) -> String? {
    guard let part = parts.first else {
      return words.allSatisfy { Self.after.contains($0.word) } ? "" : nil
    }
    switch part {
    case .rest:
      guard let first = words.first, let last = words.last else { return nil }
      guard !text.isEmpty else { return " " }
      return String(text[first.range.lowerBound..<last.range.upperBound])
    case .words(let choices, let isOptional):
      if let word = words.first?.word, choices.contains(word),
        let slot = slot(of: parts.dropFirst(), words.dropFirst(), text)
      {
        return slot
      }
      return isOptional ? slot(of: parts.dropFirst(), words, text) : nil
    }
  }
}
