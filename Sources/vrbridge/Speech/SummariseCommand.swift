import ArgumentParser
import Assistant
import Bridge
import CommandSupport
import Diagnostics
import Dialogue
import Foundation

struct SummariseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "summarise",
    abstract: "Summarise the speech, the answers and the annotations of a session.",
    discussion: discussion(
      "Without a language model ('language_model: address', or --language-model) the command prints the notes.",
      examples: "vrbridge summarise session.mcap",
      "vrbridge summarise session.mcap --language-model http://127.0.0.1:8080/v1"))

  @Argument(help: ArgumentHelp("Session (.mcap).", valueName: "session"), completion: .session)
  var file: String

  @Flag(help: "Print the notes, without a language model.")
  var notes = false

  @Option(
    help: ArgumentHelp(
      "Use this server of OpenAI's chat completions (default: 'language_model: address').", valueName: "url"))
  var languageModel: String?

  @Option(
    help: ArgumentHelp(
      "Read this configuration file (default: ~/.config/vrbridge/vrbridge.yaml; for root and the service then /etc/vrbridge/vrbridge.yaml).",
      valueName: "file"), completion: .file())
  var config: String?

  func run() async throws {
    guard FileManager.default.isReadableFile(atPath: file) else {
      throw CommandError("file-unreadable", "\(file) can't be read (\(readingProblem(file)))")
    }
    let lines = try SessionErrors.naming(file) { try SessionNotes.lines(file) }
    guard !lines.isEmpty else {
      throw CommandError(
        "no-annotations", "\(file) holds no annotations; record with --streams annotations,microphone")
    }
    var command = try RunCommand.parse([])
    command.config = config
    command.languageModel = languageModel
    let settings = try command.load()
    guard !notes, let model = try RemoteClients.languageModel(settings) else {
      if !notes { Terminal.complain("vrbridge: no language model is configured; these are the notes") }
      print(lines.joined(separator: "\n"))
      return
    }
    let language = settings.language.value
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
        case .ended(let ending):
          guard text.isEmpty else { continue }
          throw ChatError(
            .lasting,
            "the language model sent no text (finish reason '\(ending.reason)'); raise 'language_model: max_tokens'"
          )
        }
      }
      return text
    }
    print(summary)
  }
}
