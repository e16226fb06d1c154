import CommandSupport

/// Accepts the former names of commands, with a line about the new name on standard error.
enum RenamedCommands {
  /// Former name → name.
  private static let names = ["place": "inject-pose"]

  static func current(_ arguments: [String]) -> [String] {
    guard let former = arguments.first, let name = names[former] else { return arguments }
    Terminal.complain("vrbridge: '\(former)' is deprecated; use '\(name)'")
    return [name] + arguments.dropFirst()
  }
}
