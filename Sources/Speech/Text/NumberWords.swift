import Foundation

/// English numbers as words, and words as numbers.
public enum NumberWords {
  private static let small = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
  ]
  private static let tens = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
  ]
  private static let scales: [(Int, String)] = [
    (1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred"),
  ]

  /// `10`, `3.5`, `1,234`, `1st`, `1930s`: nil for what is none.
  static func spelt(_ text: String) -> [String]? {
    let isGrouped = text.contains(",")
    let text = text.filter { $0 != "," }
    let digits = text.prefix { $0.isNumber }
    var rest = text.dropFirst(digits.count)
    guard let number = Int(digits), digits.count < 13 else { return nil }
    if rest.first == "." {
      let decimals = rest.dropFirst().prefix { $0.isNumber }
      rest = rest.dropFirst(1 + decimals.count)
      guard rest.isEmpty else { return nil }
      return words(number) + ["point"] + decimals.compactMap { $0.wholeNumberValue.map { small[$0] } }
    }
    switch rest {
    case "": return !isGrouped && isYear(digits) ? year(number) : words(number)
    case "st", "nd", "rd", "th":
      var list = words(number)
      list.append(ordinal(list.removeLast()))
      return list
    default: return nil
    }
  }

  /// Four digits that are said in pairs.
  private static func isYear(_ digits: Substring) -> Bool {
    guard digits.count == 4, let number = Int(digits) else { return false }
    return (1100...1999).contains(number) && number % 100 != 0
  }

  private static func year(_ number: Int) -> [String] {
    let low = number % 100
    return words(number / 100) + (low < 10 ? ["oh"] : []) + words(low)
  }

  static func words(_ number: Int) -> [String] {
    if number < 20 { return [small[max(0, number)]] }
    if number < 100 { return [tens[number / 10]] + (number % 10 > 0 ? [small[number % 10]] : []) }
    for (scale, name) in scales where number >= scale {
      return words(number / scale) + [name] + (number % scale > 0 ? words(number % scale) : [])
    }
    return []
  }

  private static func ordinal(_ word: String) -> String {
    let odd = [
      "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
      "twelve": "twelfth",
    ]
    if let known = odd[word] { return known }
    return word.hasSuffix("y") ? word.dropLast() + "ieth" : word + "th"
  }

  /// Runs of number words as digits: "pump twenty three" is "pump 23". A lone "one" stays a word, for it is one more
  /// often than a number.
  public static func withDigits(_ text: String) -> String {
    var result: [String] = []
    var run: [(word: String, trail: String)] = []
    func flush() {
      guard !run.isEmpty else { return }
      let words = run.map(\.word)
      let trail = run.last?.trail ?? ""
      if words == ["one"] || words == ["a"] || words.last == "and" {
        result += run.map { $0.word + $0.trail }
      } else if let value = value(words) {
        result.append(String(value) + trail)
      } else {
        result += run.map { (small.firstIndex(of: $0.word).map(String.init) ?? $0.word) + $0.trail }
      }
      run = []
    }
    for token in text.split(separator: " ").map(String.init) {
      let trail = String(token.reversed().prefix { ",.?!;:".contains($0) }.reversed())
      let core = token.dropLast(trail.count).lowercased()
      let parts = core.split(separator: "-").map(String.init)
      let isNumber = !parts.isEmpty && parts.allSatisfy(isNumberWord)
      if isNumber {
        for (index, part) in parts.enumerated() { run.append((part, index == parts.count - 1 ? trail : "")) }
        if !trail.isEmpty { flush() }
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result.joined(separator: " ")
  }

  private static func isNumberWord(_ word: String) -> Bool {
    small.contains(word) || tens.dropFirst(2).contains(word) || scales.contains { $0.1 == word }
  }

  /// The number that the words say; nil when they say none, as a row of digits does.
  static func value(_ words: [String]) -> Int? {
    var total = 0
    var group = 0
    var last = Int.max
    for word in words {
      if let place = small.firstIndex(of: word) {
        // After twenty comes one, not eleven; after one nothing.
        guard group == 0 || group % 100 == 0 || (last >= 20 && last < 100 && place < 10 && place > 0) else {
          return nil
        }
        guard last != 0 else { return nil }
        group += place
        last = place
      } else if let place = tens.firstIndex(of: word), place >= 2 {
        guard group % 100 == 0 else { return nil }
        group += place * 10
        last = place * 10
      } else if let scale = scales.first(where: { $0.1 == word })?.0 {
        guard group > 0 || total > 0 || scale == 100 else { return nil }
        if scale == 100 {
          group = max(group, 1) * 100
        } else {
          total += max(group, 1) * scale
          group = 0
        }
        last = Int.max
      } else {
        return nil
      }
      guard total < 1_000_000_000_000, group < 1_000_000 else { return nil }
    }
    return total + group
  }
}
