import Foundation
import TestSupport
import Testing

/// The help of all commands of both programs.
struct HelpTests {
  struct Command: Decodable {
    struct Argument: Decodable {
      var kind: String
      var abstract: String?
      var names: [Name]?
      var valueName: String?
      var shouldDisplay: Bool?

      struct Name: Decodable { var name: String }
    }
    var commandName: String
    var abstract: String?
    var discussion: String?
    var arguments: [Argument]?
    var subcommands: [Command]?

    /// This command and those below it, each with its words.
    func all(_ path: [String] = []) -> [(words: [String], command: Command)] {
      let words = path + [commandName]
      return [(words, self)]
        + (subcommands ?? []).filter { $0.commandName != "help" }.flatMap { $0.all(words) }
    }
  }
  private struct Dump: Decodable { var command: Command }

  private static func commands(_ program: String) async throws -> [(words: [String], command: Command)] {
    let result = try await Program.run(program, ["--experimental-dump-help"])
    return try JSONDecoder().decode(Dump.self, from: Data(result.output.utf8)).command.all()
  }

  /// Words that docs/glossary.md retires, where they are nouns or acts of a program.
  private static var retired: Regex<(Substring, Substring)> {
    #/(?i)\b(tell|tells|told|knows|who|whoever|riddle|looks at)\b/#
  }
  private static let nouns = [
    "A", "An", "The", "This", "What", "How", "Which", "Where", "Whether", "Of", "For",
  ]

  @Test(arguments: ["vrbridge", "vrbridge-eval"]) func everyCommandHasAnExampleAndAVerb(_ program: String)
    async throws
  {
    let commands = try await Self.commands(program)
    #expect(commands.count > 15)
    for (words, command) in commands {
      let name = words.joined(separator: " ")
      let abstract = command.abstract ?? ""
      let first = abstract.split(separator: " ").first.map(String.init) ?? ""
      #expect(abstract.hasSuffix(".") && first.first?.isUppercase == true, "\(name): \(abstract)")
      // The third person and nouns in the plural end in s; imperatives do not.
      #expect(!first.hasSuffix("s") && !Self.nouns.contains(first), "\(name): \(abstract)")
      let discussion = command.discussion ?? ""
      #expect(discussion.contains("Examples:\n  "), "\(name) has no example")
      for argument in command.arguments ?? [] where argument.shouldDisplay ?? true {
        let option = argument.names?.last?.name ?? argument.valueName ?? ""
        #expect(argument.abstract?.isEmpty == false, "\(name): \(option) has no help")
        #expect((argument.abstract ?? "").firstMatch(of: Self.retired) == nil, "\(name): \(option)")
      }
      #expect((abstract + discussion).firstMatch(of: Self.retired) == nil, "\(name)")
    }
  }

  @Test func runNamesEveryTask() async throws {
    let help = try await Program.run("vrbridge", ["run", "--help"])
    #expect(help.output.contains("gestures"), "\(help.output)")
  }

  @Test(arguments: [
    (["repaly"], "did you mean 'replay'?"), (["help", "repaly"], "did you mean 'replay'?"),
    (["models", "lst"], "did you mean 'list'?"), (["nonsense"], "'vrbridge --help' lists them"),
    (["help", "nosuch"], "'nosuch' is no command of 'vrbridge'"),
    (["devices", "recrod"], "did you mean 'record'?"), (["bench", "clokc"], "did you mean 'clock'?"),
  ])
  func anUnknownCommandSuggestsTheNearest(_ arguments: [String], _ expected: String) async throws {
    let result = try await Program.run("vrbridge", arguments)
    #expect(result.code == 64 && result.errors.contains(expected), "\(result)")
    #expect(result.errors.contains("[unknown-command]"))
  }

  @Test func helpOfAHandedOverCommandListsItsOptions() async throws {
    for arguments in [["gestures", "train", "--help"], ["help", "gestures", "train"]] {
      let help = try await Program.run("vrbridge", arguments)
      #expect(help.code == 0 && help.output.contains("--optimiser"), "\(help)")
    }
  }

  @Test func errorsHaveACode() async throws {
    let result = try await Program.run("vrbridge", ["track", "/nonexistent.csv", "--out", "/tmp/x"])
    #expect(result.code == 2 && result.errors.contains("[table-invalid]"), "\(result)")
  }

  /// Without the second program, the first says how to install it.
  @Test func aMissingEvaluationProgramIsReported() async throws {
    let folder = try TestPaths.temporaryFolder()
    try FileManager.default.copyItem(atPath: Program.folder + "/vrbridge", toPath: folder + "/vrbridge")
    let result = try await Program.run(
      folder + "/vrbridge", ["bench", "clock"], environment: ["PATH": "/nonexistent"])
    #expect(result.code == 2 && result.errors.contains("[evaluation-not-installed]"), "\(result)")
  }
}
