import ArgumentParser
import BridgeClient
import BridgeProtocol
import Foundation

struct PromptCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prompt", abstract: "Say something to a bridge that runs, as if it had been spoken.",
    discussion: """
      Commands are carried out; a question goes to the language model with what the bridge sees, and its answer is \
      printed as it comes. With --explain nothing is sent: what would be is printed.
      """)

  @Argument(help: "What is said.")
  var text: [String] = []

  @Flag(help: "Print what would be sent to the language model, and where.")
  var explain = false

  @Flag(help: "Clear what was said and answered so far.")
  var forget = false

  @Option(help: "Seconds to wait for an answer.")
  var timeout = 60.0

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  func run() throws {
    do {
      let connection = try BridgeConnection(path: socket, clientName: "vrbridge prompt")
      if forget {
        _ = try connection.request(.forgetConversation(Vrbridge_V1_ForgetConversation()))
        if text.isEmpty { return }
      }
      guard !text.isEmpty else { throw ValidationError("say something: vrbridge prompt \"what is this\"") }
      if !explain {
        var subscription = Vrbridge_V1_Subscribe()
        subscription.streams = [.speech]
        _ = try connection.request(.subscribe(subscription))
      }
      var ask = Vrbridge_V1_Ask()
      ask.text = text.joined(separator: " ")
      ask.explain = explain
      // What is answered at once may come before the reply.
      var early: [ServerFrame] = []
      let prompt = try connection.request(.ask(ask)) { early.append($0) }.prompt
      if explain { return show(prompt) }
      try follow(connection, early)
    } catch let error as BridgeClientError {
      throw Failure(String(describing: error))
    }
  }

  private func show(_ prompt: Vrbridge_V1_Prompt) {
    print(
      "to: \(prompt.destination.isEmpty ? "nobody ('language_model: address' is not set)" : prompt.destination)"
    )
    print("tokens: about \(prompt.tokens)")
    if !prompt.intent.isEmpty { print("taken for the command: \(prompt.intent)") }
    for part in prompt.parts {
      print("\n[\(part.role)]\(part.pictureBytes > 0 ? " with a picture of \(part.pictureBytes) bytes" : "")")
      print(part.text)
    }
  }

  /// Prints the answer as it grows.
  private func follow(_ connection: BridgeConnection, _ early: [ServerFrame]) throws {
    var waiting = early[...]
    var printed = ""
    let deadline = Date().addingTimeInterval(timeout)
    var isIntentOnly: Date?
    while Date() < deadline {
      guard let frame = try waiting.popFirst() ?? connection.receive(within: 0.2) else {
        // A command has no answer beside its intent.
        if let since = isIntentOnly, Date().timeIntervalSince(since) > 0.5 { return }
        continue
      }
      guard case .annotations(let batch) = frame.message else { continue }
      for annotation in batch.annotations {
        switch annotation.kind {
        case .intent where annotation.label != "ask" && annotation.label != "what is this":
          print(annotation.label)
          isIntentOnly = Date()
        case .answer:
          isIntentOnly = nil
          // A text that began again replaces what was printed.
          if !annotation.label.hasPrefix(printed) {
            Terminal.write("\n")
            printed = ""
          }
          Terminal.write(String(annotation.label.dropFirst(printed.count)))
          printed = annotation.label
          guard annotation.textState != .partial else { continue }
          Terminal.write("\n")
          if annotation.textState == .interrupted { throw Failure("the answer was broken off") }
          return
        default: break
        }
      }
    }
    throw Failure("no answer came within \(Int(timeout)) s")
  }
}
