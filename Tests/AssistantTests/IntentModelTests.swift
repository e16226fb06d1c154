import Dialogue
import Foundation
import Inference
import Logging
import TestSupport
import Testing

@testable import Assistant

/// Commands whose words the grammar does not contain.
@Suite(.enabled(if: Models.areHere, "needs the fetched models")) struct IntentModelTests {
  /// None of these is one of the examples.
  private static let phrases: [(text: String, label: String)] = [
    ("could you center everything again", "recenter"), ("the horizon is tilted, straighten it", "recenter"),
    ("I have turned around, make this the front", "recenter"),
    ("bring my view back to the middle", "recenter"),
    ("set my current direction as forward", "recenter"), ("please realign the view", "recenter"),
    ("start saving this session to a file", "start recording"),
    ("can you begin capturing now", "start recording"),
    ("I want this to be recorded", "start recording"), ("switch on the recorder", "start recording"),
    ("let's make a recording of this", "start recording"), ("go ahead and tape this", "start recording"),
    ("switch off the recorder", "stop recording"), ("finish the recording please", "stop recording"),
    ("you can quit recording", "stop recording"), ("end the capture", "stop recording"),
    ("that's it for the recording", "stop recording"), ("don't record any more", "stop recording"),
    ("can you say what this object is", "describe"), ("what's the thing in front of me", "describe"),
    ("what kind of object am I seeing", "describe"), ("tell me what I'm looking at here", "describe"),
    ("please identify that thing", "describe"), ("any idea what that thing is", "describe"),
    ("delete our conversation", "forget"), ("forget all that I told you", "forget"),
    ("start over with a fresh conversation", "forget"), ("clear what you remember of our chat", "forget"),
    ("please stop speaking", "cancel"), ("forget it, never mind", "cancel"), ("no, ignore that", "cancel"),
    ("that's wrong, abort it", "cancel"),
    ("how far away is the moon", "other"), ("what should I cook tonight", "other"),
    ("who wrote this book", "other"), ("why does the motor make that noise", "other"),
    ("how do I replace the battery", "other"), ("is this pipe under pressure", "other"),
    ("what is the serial number of the pump", "other"), ("where did I leave the screwdriver", "other"),
    ("my brother plays the guitar", "other"), ("it is getting late", "other"),
    ("the train was delayed", "other"),
    ("we walked along the river", "other"), ("how much does that weigh", "other"),
    ("what does the red lamp mean", "other"), ("could you translate that sentence", "other"),
    ("how long have we been working", "other"), ("the recording studio is downtown", "other"),
    ("I never mind the rain", "other"), ("he cancelled his subscription", "other"),
    ("what is the best way to stop a leak", "other"), ("the center of the city is crowded", "other"),
    ("do you remember the name of the engineer", "other"),
  ]

  private func model() -> IntentModel {
    IntentModel(host: TestHost.make(), log: Logger(label: "test"))
  }

  @Test func unseenPhrasesAreClassified() async throws {
    let model = model()
    var right = 0
    var wrong: [String] = []
    // A false command does harm; a missed one is repeated by the speaker.
    var harm: [String] = []
    for (text, label) in Self.phrases {
      let guess = try #require(await model.guess(text))
      if guess.label == label {
        right += 1
      } else {
        wrong.append("\(text): \(guess.label) \(guess.confidence), not \(label)")
        if guess.label != "other" { harm.append(wrong.last ?? "") }
      }
    }
    print(
      "intents: \(right) of \(Self.phrases.count) right, \(harm.count) mistaken for another command\n\(wrong.joined(separator: "\n"))"
    )
    #expect(Double(right) >= 0.85 * Double(Self.phrases.count), "\(wrong)")
    #expect(harm.count <= 2, "\(harm)")
    // The grammar and letter similarity alone match fewer of them.
    let letters = Self.phrases.count { entry in
      let found = IntentClassifier().classify(entry.text, isAddressed: true)?.intent
      let wanted = IntentExamples.commands[entry.label]?.intent
      return wanted == nil ? found == .ask(entry.text) : found == wanted
    }
    #expect(letters < right, "\(letters)")
  }

  @Test func theClassifierDecidesWhereTheGrammarDoesNot() {
    let classifier = IntentClassifier()
    let guess = IntentGuess(label: "recenter", confidence: 0.8)
    let match = classifier.classify("straighten everything", isAddressed: true, guess: guess)
    #expect(match?.intent == .recenter && match?.confidence == 0.8)
    #expect(classifier.classify("stop recording", isAddressed: true, guess: guess)?.intent == .stopRecording)
    #expect(
      classifier.classify(
        "is it hot?", isAddressed: true, guess: IntentGuess(label: "other", confidence: 0.9))?.intent
        == .ask("is it hot?"))
  }

  @Test func withoutTheEmbeddingModelThereIsNoGuess() async throws {
    let folder = try TestPaths.temporaryFolder()
    let host = ModelHost(
      registry: ModelRegistry(folder: folder, trusted: TrustedKeys([])),
      local: OpenVINOEngine(folder: Models.runtime))
    #expect(await IntentModel(host: host, log: Logger(label: "test")).guess("straighten everything") == nil)
  }
}
