/// Joins a model's tokens to words with times.
enum TokenWords {
  /// - Parameters:
  ///   - tokens: parts of words; a token that begins a word has a space or `▁` (U+2581) before it.
  ///   - times: begin of each token, seconds.
  ///   - length: of the sound, seconds; the end of the last word.
  ///   - probabilities: of each token; nil where the model gives none.
  static func words(
    _ tokens: [String], times: [Double], length: Double, probabilities: [Double]?
  ) -> [Recognition.Word] {
    var words: [Recognition.Word] = []
    var sums: [(sum: Double, count: Int)] = []
    for index in tokens.indices where index < times.count {
      let token = tokens[index]
      let isStart = words.isEmpty || token.first == " " || token.first == "\u{2581}"
      let text = token.drop { $0 == " " || $0 == "\u{2581}" }
      if isStart {
        if let last = words.indices.last { words[last].end = times[index] }
        words.append(Recognition.Word(text: String(text), start: times[index], end: length))
        sums.append((0, 0))
      } else {
        words[words.count - 1].text += text
      }
      if let probabilities, index < probabilities.count {
        sums[sums.count - 1].sum += probabilities[index]
        sums[sums.count - 1].count += 1
      }
    }
    for index in words.indices where sums[index].count > 0 {
      words[index].confidence = sums[index].sum / Double(sums[index].count)
    }
    return words.filter { !$0.text.isEmpty }
  }
}
