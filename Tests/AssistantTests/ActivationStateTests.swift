import Spatial
import Testing

@testable import Assistant

struct ActivationStateTests {
  private func seconds(_ value: Double) -> Timestamp { Timestamp(nanoseconds: Int64(value * 1e9)) }

  private func activation(_ kind: SpeechSettings.Activation) -> ActivationState {
    var settings = SpeechSettings()
    settings.activation = kind
    return ActivationState(settings)
  }

  @Test func withAPhraseOnlyUtterancesThatBeginWithItAreAddressed() {
    let activation = activation(.phrase)
    var isAddressed = activation.isAddressed(at: seconds(1))
    #expect(!isAddressed)
    #expect(
      activation.addressedText("nice weather", startingAt: seconds(1), isAddressed: &isAddressed) == nil)
    let text = activation.addressedText(
      "Hey bridge, what is this?", startingAt: seconds(1), isAddressed: &isAddressed)
    #expect(text == "what is this?" && isAddressed)
  }

  @Test func aFollowUpNeedsNoPhraseUntilItsWindowEnds() {
    var activation = activation(.phrase)
    activation.allowFollowUp(for: 8, from: seconds(10))
    #expect(activation.isAddressed(at: seconds(17)) && !activation.isAddressed(at: seconds(19)))
    activation.endFollowUp()
    #expect(!activation.isAddressed(at: seconds(11)))
  }

  @Test func theWakeWordIsRemovedFromSpeechInOneBreathWithIt() {
    var activation = activation(.word)
    activation.wake(by: "hey rhasspy", at: seconds(5))
    var isAddressed = true
    #expect(
      activation.addressedText(
        "Hey Raspy, start recording", startingAt: seconds(5.2), isAddressed: &isAddressed)
        == "start recording")
    #expect(
      activation.addressedText("hey rhasspy again", startingAt: seconds(6), isAddressed: &isAddressed)
        == "hey rhasspy again")
  }

  @Test func theMicrophoneClosesAfterTheWindowOfTheWakeWord() {
    var activation = activation(.word)
    activation.wake(by: "hey rhasspy", at: seconds(5))
    #expect(!activation.mayClose(at: seconds(10), isHeld: false))
    #expect(activation.mayClose(at: seconds(11.5), isHeld: false))
    #expect(!activation.mayClose(at: seconds(11.5), isHeld: true))
    // A command ends the window at once; a follow-up keeps the microphone open.
    activation.endWake(at: seconds(7))
    #expect(activation.mayClose(at: seconds(7.1), isHeld: false))
    activation.allowFollowUp(for: 8, from: seconds(7))
    #expect(!activation.mayClose(at: seconds(14), isHeld: false))
    #expect(!self.activation(.phrase).mayClose(at: seconds(100), isHeld: false))
  }
}
