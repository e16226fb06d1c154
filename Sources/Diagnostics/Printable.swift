/// Returns a text as it may be shown: in a line of a log, a cell of a table, a file of text.
///
/// Names, labels, transcripts and answers come from devices, clients, models and people. A control character in them
/// could move a terminal's cursor, a line break could forge a line, and a change of direction could hide what is
/// written; these are written out (`\x1b`, `\u{202e}`). Every sink calls this once, at its boundary.
///
/// - Parameters:
///   - keepsLines: whether line feeds and tabs stay: the text is one of several lines.
///   - limit: characters (Unicode scalars) that are kept; an ellipsis stands for the rest.
public func printable(_ text: String, keepsLines: Bool = false, limit: Int = .max) -> String {
  if text.utf8.count <= limit, !text.utf8.contains(where: { mayNeedEscape($0, keepsLines) }) { return text }
  var result = String.UnicodeScalarView()
  for (count, scalar) in text.unicodeScalars.enumerated() {
    guard count < limit else {
      result.append("…")
      break
    }
    if needsEscape(scalar, keepsLines) {
      let number = String(scalar.value, radix: 16)
      result.append(contentsOf: (scalar.value < 0x100 ? "\\x\(number)" : "\\u{\(number)}").unicodeScalars)
    } else {
      result.append(scalar)
    }
  }
  return String(result)
}

/// Whether a character is never shown as it is: a control character, a line separator, or one that is invisible or turns
/// the direction of the text.
public func needsEscape(_ scalar: Unicode.Scalar, _ keepsLines: Bool = false) -> Bool {
  switch scalar.properties.generalCategory {
  case .control: !keepsLines || (scalar != "\n" && scalar != "\t")
  case .lineSeparator, .paragraphSeparator: true
  // Joiners: Arabic, Indic scripts and emoji are written with them.
  case .format: scalar.value != 0x200C && scalar.value != 0x200D
  default: false
  }
}

/// Whether the characters have to be examined; false for the bytes of plain ASCII text, the usual case.
private func mayNeedEscape(_ byte: UInt8, _ keepsLines: Bool) -> Bool {
  byte >= 0x7F || (byte < 0x20 && !(keepsLines && (byte == 0x0A || byte == 0x09)))
}
