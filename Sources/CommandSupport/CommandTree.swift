import ArgumentParser
import Diagnostics

/// Finds words of a command line that name no command, and the command they resemble.
package struct CommandTree {
  private let root: any ParsableCommand.Type

  package init(_ root: any ParsableCommand.Type) { self.root = root }

  /// Checks the leading words of a command line.
  ///
  /// Options before a command end the check: only the parser knows which of them take a value.
  package func check(_ arguments: [String]) throws(UnknownCommandError) {
    var words = arguments[...]
    let isHelp = words.first == "help"
    if isHelp { words = words.dropFirst() }
    var command = root
    var path = Self.name(root)
    for word in words {
      let subcommands = command.configuration.subcommands
      if isHelp, subcommands.isEmpty, !word.hasPrefix("-") {
        throw UnknownCommandError(word: word, path: path, nearest: nil)
      }
      guard !subcommands.isEmpty, !word.hasPrefix("-") else { return }
      if word == "help", command == root { return }
      guard let next = subcommands.first(where: { Self.names($0).contains(word) }) else {
        let shown = subcommands.filter { $0.configuration.shouldDisplay }.map(Self.name)
        throw UnknownCommandError(word: word, path: path, nearest: Self.nearest(word, among: shown))
      }
      command = next
      path += " " + Self.name(next)
    }
  }

  /// Returns the candidate with the fewest edits, when these are few for the word's length.
  package static func nearest(_ word: String, among candidates: [String]) -> String? {
    let scored = candidates.map { (name: $0, edits: edits(word, $0)) }
    guard let best = scored.min(by: { ($0.edits, $0.name) < ($1.edits, $1.name) }) else { return nil }
    return best.edits <= max(1, max(word.count, best.name.count) / 3) ? best.name : nil
  }

  /// Returns insertions, deletions, substitutions and swaps of neighbours between two words (Damerau, 1964).
  static func edits(_ left: String, _ right: String) -> Int {
    let (a, b) = (Array(left), Array(right))
    var rows = [Array(0...b.count)]
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var cost = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
        row.append(cost)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }

  private static func name(_ command: any ParsableCommand.Type) -> String {
    command.configuration.commandName ?? String(describing: command)
  }

  private static func names(_ command: any ParsableCommand.Type) -> [String] {
    [name(command)] + command.configuration.aliases
  }
}

/// An unknown word where a command is expected.
package struct UnknownCommandError: CodedError {
  package var word: String
  /// The words before it, such as `vrbridge models`.
  package var path: String
  package var nearest: String?

  package var code: String { "command-unknown" }

  package var description: String {
    "'\(word)' is no command of '\(path)'"
      + (nearest.map { "; did you mean '\($0)'?" } ?? "; '\(path) --help' lists them")
  }
}
