import Perception
import Sensing
import Spatial
import Synchronization
import Testing

@testable import Assistant
@testable import Speech

struct UtteranceTrackerTests {
  private final class Published: Sendable {
    let all = Mutex<[Annotation]>([])
  }
  private let published = Published()

  private func tracker(_ change: (inout SpeechSettings) -> Void = { _ in }) -> UtteranceTracker {
    var settings = SpeechSettings()
    change(&settings)
    let published = published
    let annotations = SpokenAnnotations(ids: AnnotationIDs()) { list in
      published.all.withLock { $0 += list }
    }
    let placement = TextPlacement(
      settings: AnnotationSettings().textAnchor, scene: RecentAnnotations(), head: { _ in nil })
    return UtteranceTracker(
      settings: settings, languages: AnnotationSettings(), annotations: annotations, placement: placement)
  }

  /// All speech is addressed.
  private var activation: ActivationState {
    var settings = SpeechSettings()
    settings.activation = .always
    return ActivationState(settings)
  }

  private func id(_ number: UInt64) -> UtteranceID { UtteranceID(microphone: "m", number: number) }

  private func transcript(_ text: String, _ state: Transcript.State = .final) -> Transcript {
    let time = Timestamp(nanoseconds: 0)
    return Transcript(
      number: 1, state: state, text: text, confidence: 1,
      source: RecogniserIdentity(model: "m", version: "1", digest: ""), start: time, end: time, decoding: 0,
      waiting: 0)
  }

  @Test func aFinalTextIsActedOnOnceAndAgainWhenItGrows() throws {
    var tracker = tracker()
    tracker.begin(id(1), isAddressed: true, at: Timestamp(nanoseconds: 0))
    let partial = tracker.take(id(1), transcript("start", .partial), activation: activation)
    #expect(partial?.isNewCommand == false)
    let start = tracker.take(id(1), transcript("start recording"), activation: activation)
    let first = try #require(start)
    #expect(first.isNewCommand)
    tracker.acted(on: first)
    let repeated = tracker.take(id(1), transcript("start recording"), activation: activation)
    let same = try #require(repeated)
    #expect(!same.isNewCommand && same.annotation.id == first.annotation.id)
    let longer = tracker.take(id(1), transcript("start recording now"), activation: activation)
    #expect(longer?.isNewCommand == true && longer?.acted == "start recording")
    tracker.close(id(1))
    let closed = tracker.take(id(1), transcript("x"), activation: activation)
    #expect(tracker.isEmpty && closed == nil)
  }

  @Test func textsHaveTheConfiguredForm() {
    var tracker = tracker {
      $0.hasDigits = true
      $0.hasPunctuation = false
    }
    tracker.begin(id(1), isAddressed: true, at: Timestamp(nanoseconds: 0))
    let spoken = tracker.take(id(1), transcript("Check pump twenty three, please."), activation: activation)
    #expect(spoken?.text == "Check pump 23 please")
  }

  /// Ends of utterances may be dropped with the events of a full queue.
  @Test func utterancesWithoutAnEndAreBounded() {
    var tracker = tracker()
    for number in 1...1000 as ClosedRange<UInt64> {
      tracker.begin(id(number), isAddressed: true, at: Timestamp(nanoseconds: Int64(number)))
    }
    let known = (1...1000 as ClosedRange<UInt64>).filter {
      tracker.take(id($0), transcript("x"), activation: activation) != nil
    }
    #expect(known == Array(UInt64(1001 - UtteranceTracker.maximum)...1000))
    #expect(
      published.all.withLock { $0.count { $0.isEnded && $0.kind == .transcript } }
        == 1000 - UtteranceTracker.maximum)
  }
}
