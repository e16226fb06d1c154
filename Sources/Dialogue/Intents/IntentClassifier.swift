import Foundation

/// A model's word on what a text is: one of `IntentExamples`' labels.
public struct IntentGuess: Sendable, Hashable {
  public var label: String
  /// 0 to 1.
  public var confidence: Double

  public init(label: String, confidence: Double) {
    self.label = label
    self.confidence = confidence
  }
}

/// What was wanted: by the grammar, else by a model's guess or by likeness to examples.
public struct IntentClassifier: Sendable {
  private let grammar = IntentGrammar()
  private static let examples = IntentExamples.commands.values.flatMap { command in
    command.phrases.map { (intent: command.intent, letters: Trigrams($0)) }
  }
  /// Likeness from which an example is taken for what was said.
  private let threshold: Double

  private static let questions: Set<String> = [
    "what", "what's", "who", "where", "when", "why", "how", "which", "is", "are", "can", "could", "does",
    "do", "did",
    "tell", "explain", "describe", "should", "will", "would",
  ]

  public init(threshold: Double = 0.72) { self.threshold = threshold }

  /// Whether the words alone say what is wanted: then nobody needs to guess.
  public func isPlain(_ text: String) -> Bool { grammar.match(text) != nil }

  /// - Parameters:
  ///   - isAddressed: the text was meant for the bridge (a wake phrase, a button): what is no command is then a question;
  ///     else only what sounds like one.
  ///   - guess: of a model; nil where there is none, or it is not sure.
  public func classify(_ text: String, isAddressed: Bool, guess: IntentGuess? = nil) -> IntentMatch? {
    if let match = grammar.match(text) { return match }
    if let match = commandMeant(by: text, guess) { return match }
    let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !trimmed.isEmpty else { return nil }
    let first = trimmed.lowercased().prefix { $0.isLetter || $0 == "'" }
    let isQuestion = trimmed.hasSuffix("?") || Self.questions.contains(String(first))
    guard isAddressed || isQuestion else { return nil }
    return IntentMatch(intent: .ask(trimmed), confidence: isQuestion ? 0.9 : 0.6)
  }

  private func commandMeant(by text: String, _ guess: IntentGuess?) -> IntentMatch? {
    if let guess {
      return IntentExamples.commands[guess.label].map {
        IntentMatch(intent: $0.intent, confidence: guess.confidence)
      }
    }
    var best: IntentMatch?
    let letters = Trigrams(text)
    for example in Self.examples {
      let likeness = letters.likeness(to: example.letters)
      if likeness >= threshold, likeness > best?.confidence ?? 0 {
        best = IntentMatch(intent: example.intent, confidence: likeness)
      }
    }
    return best
  }
}

/// The letters of a phrase, three in a row, and how often each three come: endings and small mishearings change few of them.
struct Trigrams: Sendable {
  private let counts: [String: Double]
  private let length: Double

  init(_ text: String) {
    let plain = " " + text.lowercased().filter { $0.isLetter || $0.isNumber || $0 == " " } + " "
    let letters = Array(plain)
    var counts: [String: Double] = [:]
    if letters.count >= 3 {
      for place in 0...(letters.count - 3) { counts[String(letters[place..<place + 3]), default: 0] += 1 }
    }
    self.counts = counts
    length = counts.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  /// Cosine of the counts, 0 to 1.
  func likeness(to other: Trigrams) -> Double {
    guard length > 0, other.length > 0 else { return 0 }
    return counts.reduce(0.0) { $0 + $1.value * (other.counts[$1.key] ?? 0) } / (length * other.length)
  }
}
