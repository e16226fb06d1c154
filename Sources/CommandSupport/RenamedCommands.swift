/// Accepts the former names of commands and options, with a line about the new name on standard error.
package enum RenamedCommands {
  /// Former name → name.
  private static let names = ["place": "inject-pose"]

  /// Returns the command line with the present names.
  package static func current(_ arguments: [String]) -> [String] {
    versioned(commands(arguments))
  }

  private static func commands(_ arguments: [String]) -> [String] {
    guard let former = arguments.first, let name = names[former] else { return arguments }
    Terminal.complain("vrbridge: '\(former)' is deprecated; use '\(name)'")
    return [name] + arguments.dropFirst()
  }

  /// Renames `--version`, which is the program's, to `--model-version` where a command of `models` gives it a value.
  private static func versioned(_ arguments: [String]) -> [String] {
    guard arguments.first == "models" else { return arguments }
    let (former, name) = ("--version", "--model-version")
    var result = arguments
    for (index, word) in arguments.enumerated() {
      if word == "--" { break }
      if word.hasPrefix(former + "=") {
        result[index] = name + word.dropFirst(former.count)
      } else if word == former, index + 1 < arguments.count, !arguments[index + 1].hasPrefix("-") {
        result[index] = name
      }
    }
    if result != arguments {
      Terminal.complain("vrbridge: '\(former)' of a model is deprecated; use '\(name)'")
    }
    return result
  }
}
