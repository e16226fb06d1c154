import ArgumentParser
import Bridge

@main
struct VRBridgeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vrbridge",
    abstract: "Reads headsets, controllers and trackers and gives their poses to renderers.",
    version: ProductVersion.text,
    subcommands: [
      RunCommand.self, WatchCommand.self, DevicesCommand.self, AssignCommand.self, PlaceCommand.self,
      PairCommand.self,
      UnpairCommand.self, CamerasCommand.self, EmulateCommand.self,
      DoctorCommand.self,
      RecordCommand.self, ReplayCommand.self, InfoCommand.self, CompareCommand.self, ExportCommand.self,
      ImportCommand.self, RecoverCommand.self, RedactCommand.self, CalibrateCommand.self, TrackCommand.self,
      BenchCommand.self,
      ModelsCommand.self, GesturesCommand.self, TranscribeCommand.self,
      MicrophonesCommand.self, PromptCommand.self, SummariseCommand.self, UdevRulesCommand.self,
    ])
}
