import Spatial
import Testing

@testable import Dialogue

@Suite struct IntentTests {
  @Test(arguments: [
    ("Recenter the view.", Intent.recenter), ("please recentre", .recenter),
    ("Could you reset my position, please?", .recenter),
    ("Start recording.", .startRecording), ("Okay, begin a new recording now", .startRecording),
    ("Stop the recording.", .stopRecording), ("Label this as pump three.", .label("pump three")),
    ("Name that thing the red valve!", .label("the red valve")),
    ("This is called Main Switch", .label("Main Switch")),
    ("Take a note: check the seal on Monday.", .note("check the seal on Monday")),
    ("write down that it leaks", .note("it leaks")), ("What is this?", .describe),
    ("What's that thing there?", .describe),
    ("What am I looking at?", .describe), ("Tell me what this is", .describe), ("Cancel.", .cancel),
    ("Never mind", .cancel), ("Forget everything.", .forget), ("Yes, please.", .confirm), ("No.", .refuse),
  ])
  func commandsMatchByTheirWords(_ text: String, _ intent: Intent) {
    #expect(IntentGrammar().match(text) == IntentMatch(intent: intent, confidence: 1))
  }

  @Test(arguments: [
    "I will start recording my thoughts in a book some day", "the label on this bottle",
    "he said never mind the gap",
    "what is this world coming to", "stopwatch", "",
  ])
  func similarTextsAreNoCommands(_ text: String) {
    #expect(IntentGrammar().match(text) == nil)
  }

  @Test func smallRecognitionErrorsAreTolerated() throws {
    let match = try #require(IntentClassifier().classify("start the recordings", isAddressed: true))
    #expect(match.intent == .startRecording && match.confidence < 1)
  }

  @Test func anAddressedTextWithoutCommandIsAQuestion() {
    let classifier = IntentClassifier()
    #expect(
      classifier.classify("How tall is that tower?", isAddressed: false)?.intent
        == .ask("How tall is that tower?"))
    #expect(
      classifier.classify("the weather is fine", isAddressed: true)?.intent == .ask("the weather is fine"))
    #expect(classifier.classify("the weather is fine", isAddressed: false) == nil)
    #expect(classifier.classify("   ", isAddressed: true) == nil)
  }

  @Test func irreversibleCommandsNeedConfirmation() {
    #expect(Intent.stopRecording.needsConfirmation && Intent.forget.needsConfirmation)
    #expect(!Intent.recenter.needsConfirmation && !Intent.describe.needsConfirmation)
  }

  @Test(arguments: [
    ("Hey Rasti! What is this?", "What is this?"), ("Hey ross pit what is this", "what is this"),
    ("He rusted. What is this?", "What is this?"), ("Hey, Rusty", ""),
    // The transcript lacks the phrase.
    ("What is this?", nil), ("Start recording now", nil), ("", nil),
  ])
  func aDetectedWakeWordMatchesAnySpelling(_ text: String, _ rest: String?) {
    #expect(WakePhrase("hey rhasspy").rest(of: text, isHeard: true) == rest)
  }

  @Test func theWakePhraseMatchesRecognisersSpellings() {
    let wake = WakePhrase("hey bridge")
    #expect(wake.rest(of: "Hey Bridge, what is this?") == "what is this?")
    #expect(wake.rest(of: "Hey, bridge. What is this?") == "What is this?")
    #expect(wake.rest(of: "Heybridge what is this") == "what is this")
    #expect(wake.rest(of: "hey brige") == "")
    #expect(wake.rest(of: "The bridge is long") == nil)
    #expect(wake.rest(of: "hey") == nil)
    #expect(wake.rest(of: "he is a bridge builder") == nil)
  }

  @Test func textsOfAnyKindDoNotTrap() {
    let classifier = IntentClassifier()
    let wake = WakePhrase("hey bridge")
    var random = SeededRandom(seed: 7)
    let pieces = [
      "label", "this", "as", "…", "é", "🚀", " ", "start", "recording", ".", "\u{0}", "hey", "bridge", "’",
      "1",
    ]
    for _ in 0..<3000 {
      var text = ""
      for _ in 0..<12 {
        text += pieces.randomElement(using: &random) ?? ""
      }
      _ = classifier.classify(text, isAddressed: true)
      _ = wake.rest(of: text)
    }
  }
}
