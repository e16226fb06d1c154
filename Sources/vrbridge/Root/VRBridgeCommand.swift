import Diagnostics
import ArgumentParser
import Bridge
import CommandSupport
import Sandbox

@main
struct VRBridgeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vrbridge",
    abstract: "Track headsets, controllers and trackers and publish their poses to renderers.",
    discussion: discussion(examples: "vrbridge run --demo", "vrbridge watch", "vrbridge doctor"),
    version: ProductVersion.text,
    subcommands: [
      RunCommand.self, WatchCommand.self, DevicesCommand.self, AssignCommand.self, InjectPoseCommand.self,
      PairCommand.self, UnpairCommand.self, CamerasCommand.self, EmulateCommand.self, DoctorCommand.self,
      RecordCommand.self, ReplayCommand.self, InfoCommand.self, CompareCommand.self, ExportCommand.self,
      ImportCommand.self, RecoverCommand.self, RedactCommand.self, CalibrateCommand.self, TrackCommand.self,
      BenchCommand.self, ModelsCommand.self, GesturesCommand.self, TranscribeCommand.self,
      MicrophonesCommand.self, PromptCommand.self, SummariseCommand.self, UdevRulesCommand.self,
    ])

  static func main() async {
    SandboxWorker.runIfAsked(Array(CommandLine.arguments.dropFirst()), roles: SandboxRoles.all)
    ModelSettings.trustLibraries()
    let arguments = RenamedCommands.current(Array(CommandLine.arguments.dropFirst()))
    if EvaluationProgram.takes(arguments) {
      do { try EvaluationProgram.run(arguments) } catch { fail(error) }
    }
    await execute(arguments)
  }
}
