/// Leaves out what a model writes while it reasons: `<think>` … `</think>` and the like, also where events divide a tag.
///
/// Templates of some models put the opening tag into the prompt, so that an answer may have the closing one alone: all text
/// before it was reasoning.
struct ReasoningFilter {
  private struct Tag {
    let open: [UInt8]
    let close: [UInt8]

    init(_ open: String, _ close: String) {
      (self.open, self.close) = (Array(open.utf8), Array(close.utf8))
    }
  }
  private static let tags = [
    Tag("<think>", "</think>"), Tag("<thinking>", "</thinking>"), Tag("<thought>", "</thought>"),
    Tag("<reasoning>", "</reasoning>"), Tag("[THINK]", "[/THINK]"),
  ]

  private enum Step {
    case open(Tag)
    case close
  }

  /// Text that may begin a tag; shorter than the longest tag.
  private var held: [UInt8] = []
  /// The closing tag of the part that is left out; nil outside of one.
  private var awaited: [UInt8]?
  /// The part that is left out so far, with its tag, where visible text precedes it: an answer may name the tag. Nil for
  /// none, and for a longer one.
  private var unclosed: [UInt8]?
  private static let maximumUnclosed = 1 << 16
  /// Whether a part was left out: a closing tag alone has no meaning after one.
  private var hasParts = false
  /// Whether visible text was returned; white space before it is left out.
  private var hasText = false
  /// Whether text that was returned earlier turned out to be reasoning.
  private(set) var isVoid = false

  /// Returns the visible part of a text.
  mutating func take(_ text: String) -> String {
    let input = held + Array(text.utf8)
    held = []
    var rest = input[...]
    var visible: [UInt8] = []
    while !rest.isEmpty {
      let end = rest.firstIndex { $0 == UInt8(ascii: "<") || $0 == UInt8(ascii: "[") } ?? rest.endIndex
      pass(rest[..<end], &visible)
      rest = rest[end...]
      if rest.isEmpty { break }
      if let (length, step) = tag(at: rest) {
        rest = rest.dropFirst(length)
        apply(step, &visible)
      } else if mayBecomeTag(rest) {
        held = Array(rest)
        break
      } else {
        pass(rest.prefix(1), &visible)
        rest = rest.dropFirst()
      }
    }
    return trimmed(visible)
  }

  /// Ends the answer.
  ///
  /// - Returns: text that began like a tag and is none, or followed a tag that the answer only names.
  mutating func end() -> String {
    defer { held = [] }
    guard awaited != nil else { return trimmed(held) }
    return unclosed.map { trimmed($0 + held) } ?? ""
  }

  /// Whether all text that was returned so far was reasoning and must be dropped; asked once.
  mutating func takeVoid() -> Bool {
    defer { isVoid = false }
    return isVoid
  }

  private mutating func pass(_ bytes: ArraySlice<UInt8>, _ visible: inout [UInt8]) {
    guard awaited != nil else {
      visible += bytes
      return
    }
    guard let size = unclosed?.count else { return }
    if size + bytes.count > Self.maximumUnclosed {
      unclosed = nil
    } else {
      unclosed?.append(contentsOf: bytes)
    }
  }

  private mutating func apply(_ step: Step, _ visible: inout [UInt8]) {
    hasParts = true
    switch step {
    case .open(let tag):
      awaited = tag.close
      let followsText = hasText || visible.contains { !" \t\r\n".utf8.contains($0) }
      unclosed = followsText ? tag.open : nil
    case .close:
      unclosed = nil
      if awaited == nil {
        isVoid = isVoid || hasText
        hasText = false
        visible = []
      }
      awaited = nil
    }
  }

  /// The tags that have a meaning at this point.
  private var candidates: [(text: [UInt8], step: Step)] {
    if let awaited { return [(awaited, .close)] }
    let opening = Self.tags.map { ($0.open, Step.open($0)) }
    return hasParts ? opening : opening + Self.tags.map { ($0.close, Step.close) }
  }

  private func tag(at rest: ArraySlice<UInt8>) -> (length: Int, step: Step)? {
    candidates.first { rest.starts(with: $0.text) }.map { ($0.text.count, $0.step) }
  }

  private func mayBecomeTag(_ rest: ArraySlice<UInt8>) -> Bool {
    candidates.contains { $0.text.count > rest.count && $0.text.starts(with: rest) }
  }

  /// Leaves out white space before the first visible text.
  private mutating func trimmed(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    guard !hasText else { return text }
    let visible = text.drop(while: \.isWhitespace)
    hasText = !visible.isEmpty
    return String(visible)
  }
}
