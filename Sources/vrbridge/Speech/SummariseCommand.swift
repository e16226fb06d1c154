import ArgumentParser
import Bridge
import Dialogue
import Foundation
import ModelService

struct SummariseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "summarise", abstract: "Summarise what was said, answered and seen in a session.",
    discussion:
      "Without a language model ('language_model: address', or --language-model) the notes themselves are printed."
  )

  @Argument(help: "A session (MCAP).")
  var file: String

  @Flag(help: "Print the notes, without a language model.")
  var notes = false

  @Option(help: ArgumentHelp("A server of OpenAI's chat completions.", valueName: "url"))
  var languageModel: String?

  @Option(help: "Configuration file.")
  var config: String?

  func run() async throws {
    guard FileManager.default.isReadableFile(atPath: file) else { throw Failure("\(file) can't be read") }
    let lines: [String]
    do { lines = try SessionNotes.lines(file) } catch { throw Failure("\(file): \(error)") }
    guard !lines.isEmpty else {
      throw Failure("\(file) holds no annotations; record with --streams annotations,microphone")
    }
    var command = try RunCommand.parse([])
    command.config = config
    command.languageModel = languageModel
    let settings = try command.load()
    guard !notes, let model = try ModelServiceSetup.languageModel(settings) else {
      if !notes {
        FileHandle.standardError.write(
          Data("vrbridge: no language model is configured; these are the notes\n".utf8))
      }
      print(lines.joined(separator: "\n"))
      return
    }
    let language = settings.language.value
    do {
      let summary = try await SummaryPlan(budget: language.contextTokens / 2).summarise(
        lines, mark: { "<data-\(UUID().uuidString.lowercased().prefix(13))>" }
      ) { messages in
        var text = ""
        let request = ChatRequest(
          model: language.model, messages: messages, maximumTokens: max(400, language.maximumTokens),
          temperature: language.temperature)
        for try await event in model.answer(request) {
          switch event {
          case .text(let piece): text += piece
          case .restarted: text = ""
          case .ended: break
          }
        }
        return text
      }
      print(summary)
    } catch { throw Failure(String(describing: error)) }
  }
}
