import ArgumentParser
import CommandSupport

struct GesturesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gestures",
    abstract: "Record gestures, train and evaluate their recognition.",
    discussion: discussion(
      examples: "vrbridge gestures record circle --hand left", "vrbridge gestures eval"),
    subcommands: [
      GesturesRecord.self, GesturesTrain.self, GesturesEval.self, GesturesExplain.self, GesturesList.self,
      GesturesExport.self, GesturesRemove.self,
    ])
}
