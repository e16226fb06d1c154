import ArgumentParser
import CommandSupport

struct ModelsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Fetch, check, sign, choose, evaluate and remove models.",
    discussion: discussion(
      examples: "vrbridge models pull --default", "vrbridge models list",
      "vrbridge models pin object-detection 2"),
    subcommands: [
      ModelsPull.self, ModelsList.self, ModelsShow.self, ModelsVerify.self, ModelsAdd.self, ModelsSign.self,
      ModelsEncrypt.self, ModelsPin.self, ModelsRollback.self, ModelsRemove.self, ModelsKey.self,
      ModelsRevoke.self, ModelsEval.self, ModelsExplain.self, ModelsQuantise.self,
    ])
}
