/// Words with their times, out of a model's tokens.
enum TokenWords {
  /// - Parameters:
  ///   - tokens: pieces of words; one that begins a word has a space or `▁` (U+2581) before it.
  ///   - times: when each begins, seconds.
  ///   - length: of the sound, seconds: the last word ends there at the latest.
  ///   - probabilities: of each token; nil where the model gives none.
  static func words(
    _ tokens: [String], times: [Double], length: Double, probabilities: [Double]?
  ) -> [Recognition.Word] {
    var words: [Recognition.Word] = []
    var sums: [(sum: Double, count: Int)] = []
    for place in tokens.indices where place < times.count {
      let token = tokens[place]
      let isStart = words.isEmpty || token.first == " " || token.first == "\u{2581}"
      let text = token.drop { $0 == " " || $0 == "\u{2581}" }
      if isStart {
        if let last = words.indices.last { words[last].end = times[place] }
        words.append(Recognition.Word(text: String(text), start: times[place], end: length))
        sums.append((0, 0))
      } else {
        words[words.count - 1].text += text
      }
      if let probabilities, place < probabilities.count {
        sums[sums.count - 1].sum += probabilities[place]
        sums[sums.count - 1].count += 1
      }
    }
    for place in words.indices where sums[place].count > 0 {
      words[place].confidence = sums[place].sum / Double(sums[place].count)
    }
    return words.filter { !$0.text.isEmpty }
  }
}
