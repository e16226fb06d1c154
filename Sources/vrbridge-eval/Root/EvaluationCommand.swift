import Diagnostics
import ArgumentParser
import Bridge
import CommandSupport
import Sandbox

@main
struct EvaluationCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vrbridge-eval",
    abstract: "Measure, evaluate and train the parts of vrbridge.",
    discussion: discussion(
      """
      'vrbridge bench', 'vrbridge gestures train|eval|explain' and 'vrbridge models eval|explain|quantise' run this \
      program with the same arguments.
      """,
      examples: "vrbridge-eval bench --latency", "vrbridge-eval gestures eval"),
    version: ProductVersion.text,
    subcommands: [
      BenchCommand.self, PerformanceCommand.self, GesturesCommand.self, ModelsCommand.self,
    ])

  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    SandboxWorker.runIfAsked(arguments, roles: SandboxRoles.all)
    ModelSettings.trustLibraries()
    await execute(RenamedCommands.current(arguments))
  }
}
