import ArgumentParser
import CommandSupport
import Foundation
import Glibc

/// Hands command lines over to `vrbridge-eval`, which is installed beside this program.
enum EvaluationProgram {
  static let name = "vrbridge-eval"

  /// Leading words of the command lines that are handed over, with these words in front.
  private static let commands = [
    ["bench"], ["gestures", "train"], ["gestures", "eval"], ["gestures", "explain"], ["models", "eval"],
    ["models", "explain"], ["models", "quantise"],
  ]

  static func takes(_ arguments: [String]) -> Bool {
    let words = arguments.first == "help" ? arguments.dropFirst() : arguments[...]
    return commands.contains { words.starts(with: $0) }
  }

  /// Replaces this process by the program with the same arguments.
  static func run(_ arguments: [String]) throws(CommandError) -> Never {
    guard let path = path() else {
      throw CommandError(
        "evaluation-not-installed",
        "'\(name)' is neither beside this program nor on PATH; 'make install' and the package vrbridge install it"
      )
    }
    let words = ([path] + arguments).map { strdup($0) } + [nil]
    execv(path, words)
    // Reached only when the call failed.
    throw CommandError(
      "evaluation-not-installed", "\(path) can't be run: \(String(cString: strerror(errno)))")
  }

  private static func path() -> String? {
    let beside = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent(name).path
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return ([beside] + folders.map { "\($0)/\(name)" }).first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }
}

/// A command of `vrbridge-eval` that is listed among the commands of this program.
protocol EvaluatedCommand: ParsableCommand {
  static var words: [String] { get }
  var arguments: [String] { get }
}

extension EvaluatedCommand {
  func run() throws { try EvaluationProgram.run(Self.words + arguments) }
}
