import ArgumentParser
import BridgeClient
import BridgeProtocol
import CommandSupport
import Foundation

struct PromptCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prompt",
    abstract: "Send text to the running bridge as if it had been spoken.",
    discussion: discussion(
      """
      The bridge executes a command, and sends a question with recent annotations to the language model. This command \
      prints the answer as it arrives.
      """,
      examples: "vrbridge prompt what is this", "vrbridge prompt --explain what is this"))

  @Argument(help: "Words of the text.")
  var text: [String] = []

  @Flag(help: "Print the prompt and its destination instead of sending it.")
  var explain = false

  @Flag(help: "Clear the conversation so far.")
  var forget = false

  @Option(help: "Wait this many seconds for an answer.")
  var timeout = 60.0

  @Option(help: .socket, completion: .file())
  var socket: String?

  func run() throws {
    let connection = try BridgeConnection(path: socket, clientName: "vrbridge prompt")
    if forget {
      _ = try connection.request(.forgetConversation(Vrbridge_V1_ForgetConversation()))
      if text.isEmpty { return }
    }
    guard !text.isEmpty else { throw ValidationError("a text is missing: vrbridge prompt \"what is this\"") }
    if !explain {
      var subscription = Vrbridge_V1_Subscribe()
      subscription.streams = [.speech]
      _ = try connection.request(.subscribe(subscription))
    }
    var ask = Vrbridge_V1_Ask()
    ask.text = text.joined(separator: " ")
    ask.explain = explain
    // Annotations may arrive before the reply to the request.
    var early: [ServerFrame] = []
    let prompt = try connection.request(.ask(ask)) { early.append($0) }.prompt
    if explain { return show(prompt) }
    try follow(connection, early)
  }

  private func show(_ prompt: Vrbridge_V1_Prompt) {
    print(
      "to: \(prompt.destination.isEmpty ? "no server ('language_model: address' is not set)" : prompt.destination)"
    )
    print("tokens: about \(prompt.tokens)")
    if !prompt.intent.isEmpty { print("recognised as the command: \(prompt.intent)") }
    for part in prompt.parts {
      print("\n[\(part.role)]\(part.pictureBytes > 0 ? " with an image of \(part.pictureBytes) bytes" : "")")
      print(part.text)
    }
  }

  /// Prints the answer as it arrives.
  private func follow(_ connection: BridgeConnection, _ early: [ServerFrame]) throws {
    var waiting = early[...]
    var printed = ""
    let deadline = Date().addingTimeInterval(timeout)
    var isIntentOnly: Date?
    while Date() < deadline {
      guard let frame = try waiting.popFirst() ?? connection.receive(within: 0.2) else {
        // A command has no answer besides its intent.
        if let since = isIntentOnly, Date().timeIntervalSince(since) > 0.5 { return }
        continue
      }
      guard case .annotations(let batch) = frame.message else { continue }
      for annotation in batch.annotations {
        switch annotation.kind {
        case .intent where annotation.label != "ask" && annotation.label != "what is this":
          print(Terminal.field(annotation.label))
          isIntentOnly = Date()
        case .answer:
          isIntentOnly = nil
          // A text that restarted replaces the printed one.
          if !annotation.label.hasPrefix(printed) {
            Terminal.write("\n")
            printed = ""
          }
          Terminal.write(String(annotation.label.dropFirst(printed.count)))
          printed = annotation.label
          guard annotation.textState != .partial else { continue }
          Terminal.write("\n")
          if annotation.textState == .interrupted {
            throw CommandError(
              "answer-interrupted", "the question has no complete answer; the text above gives the reason")
          }
          return
        default: break
        }
      }
    }
    throw CommandError("answer-timeout", "no answer came within \(Int(timeout)) s")
  }
}
