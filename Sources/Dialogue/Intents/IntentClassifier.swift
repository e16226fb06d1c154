import Foundation

/// A model's classification of a text: one of the labels of `IntentExamples`.
public struct IntentGuess: Sendable, Hashable {
  public var label: String
  /// 0 to 1.
  public var confidence: Double

  public init(label: String, confidence: Double) {
    self.label = label
    self.confidence = confidence
  }
}

/// Classifies an utterance: by the grammar, else by a model's classification or by similarity to examples.
public struct IntentClassifier: Sendable {
  private let grammar = IntentGrammar()
  private static let examples = IntentExamples.commands.values.flatMap { command in
    command.phrases.map { (intent: command.intent, letters: Trigrams($0)) }
  }
  /// Similarity to an example from which the utterance counts as that command.
  private let threshold: Double

  private static let questions: Set<String> = [
    "what", "what's", "who", "where", "when", "why", "how", "which", "is", "are", "can", "could", "does",
    "do", "did",
    "tell", "explain", "describe", "should", "will", "would",
  ]

  public init(threshold: Double = 0.72) { self.threshold = threshold }

  /// Whether the grammar matches, so that no model is needed.
  public func isPlain(_ text: String) -> Bool { grammar.match(text) != nil }

  /// Returns the intent of a text; nil for talk that is not addressed to the bridge.
  ///
  /// - Parameters:
  ///   - isAddressed: whether a wake phrase or a button addressed the bridge: then a text that is no command is a
  ///     question; else only a text with the form of a question is.
  ///   - guess: the model's classification; nil where no model runs, or its confidence is low.
  public func classify(_ text: String, isAddressed: Bool, guess: IntentGuess? = nil) -> IntentMatch? {
    if let match = grammar.match(text) { return match }
    if let match = command(in: text, guess) { return match }
    let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !trimmed.isEmpty else { return nil }
    let first = trimmed.lowercased().prefix { $0.isLetter || $0 == "'" }
    let isQuestion = trimmed.hasSuffix("?") || Self.questions.contains(String(first))
    guard isAddressed || isQuestion else { return nil }
    return IntentMatch(intent: .ask(trimmed), confidence: isQuestion ? 0.9 : 0.6)
  }

  private func command(in text: String, _ guess: IntentGuess?) -> IntentMatch? {
    if let guess {
      return IntentExamples.commands[guess.label].map {
        IntentMatch(intent: $0.intent, confidence: guess.confidence)
      }
    }
    var best: IntentMatch?
    let letters = Trigrams(text)
    for example in Self.examples {
      let similarity = letters.similarity(to: example.letters)
      if similarity >= threshold, similarity > best?.confidence ?? 0 {
        best = IntentMatch(intent: example.intent, confidence: similarity)
      }
    }
    return best
  }
}

/// Counts of a phrase's trigrams of letters, of which endings and small recognition errors change few.
struct Trigrams: Sendable {
  private let counts: [String: Double]
  private let length: Double

  init(_ text: String) {
    let plain = " " + text.lowercased().filter { $0.isLetter || $0.isNumber || $0 == " " } + " "
    let letters = Array(plain)
    var counts: [String: Double] = [:]
    if letters.count >= 3 {
      for index in 0...(letters.count - 3) { counts[String(letters[index..<index + 3]), default: 0] += 1 }
    }
    self.counts = counts
    length = counts.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  /// Returns the cosine of the counts, 0 to 1.
  func similarity(to other: Trigrams) -> Double {
    guard length > 0, other.length > 0 else { return 0 }
    return counts.reduce(0.0) { $0 + $1.value * (other.counts[$1.key] ?? 0) } / (length * other.length)
  }
}
