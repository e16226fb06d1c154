import Authorisation
import Spatial
import Testing

@testable import Assistant
@testable import Speech

struct SpeechEventQueueTests {
  private func transcript(_ number: UInt64, _ state: Transcript.State) -> SpeechEvent {
    let time = Timestamp(nanoseconds: 0)
    return .transcript(
      microphone: "m",
      .transcript(
        Transcript(
          number: number, state: state, text: "text", confidence: 1,
          source: RecogniserIdentity(model: "m", version: "1", digest: ""), start: time, end: time,
          decoding: 0, waiting: 0)))
  }

  @Test func floodingIsBoundedAndCounted() {
    let queue = SpeechEventQueue()
    for number in 0..<100_000 { queue.send(transcript(UInt64(number), .partial)) }
    #expect(queue.count == SpeechEventQueue.capacity / 2)
    #expect(queue.drops == [.partial: UInt64(100_000 - SpeechEventQueue.capacity / 2)])
    // Requests find room beside partial texts, and final texts beside both.
    for _ in 0..<1000 { queue.send(.question("?", by: .speech(manages: false))) }
    #expect(queue.count == SpeechEventQueue.capacity * 3 / 4)
    #expect(queue.send(transcript(1, .final)))
    #expect(queue.send(.microphone("m", isOpen: false)))
    #expect(!queue.send(.forget))
    for _ in 0..<1000 { queue.send(transcript(1, .final)) }
    #expect(queue.count == SpeechEventQueue.capacity)
    #expect(queue.drops[.request] == UInt64(1000 - SpeechEventQueue.capacity / 4 + 1))
    #expect((queue.drops[.transcript] ?? 0) > 900 && queue.drops[.state] == nil)
  }

  @Test func handledEventsMakeRoomInTheirOrder() async {
    let queue = SpeechEventQueue()
    for number in 0..<500 { queue.send(transcript(UInt64(number), .final)) }
    var numbers: [UInt64] = []
    for await event in queue.events {
      queue.handled()
      if case .transcript(_, .transcript(let text)) = event { numbers.append(text.number) }
      if numbers.count == SpeechEventQueue.capacity { break }
    }
    #expect(numbers == (0..<UInt64(SpeechEventQueue.capacity)).map { $0 })
    #expect(queue.count == 0 && queue.send(.question("?", by: .speech(manages: false))))
  }

  /// Pieces of an answer are lossless: their sender waits for room.
  @Test func answersWaitForRoom() async {
    let queue = SpeechEventQueue()
    while queue.send(transcript(1, .final)) {}
    let sender = Task {
      for number in 0..<20 { await queue.sendWaiting(.answer(UInt64(number), .failure("x", logged: "x"))) }
    }
    var answers: [UInt64] = []
    for await event in queue.events {
      queue.handled()
      if case .answer(let id, _) = event { answers.append(id) }
      if answers.count == 20 { break }
    }
    await sender.value
    #expect(answers == (0..<20).map { UInt64($0) } && queue.drops[.answer] == nil)
  }

  @Test func aCancelledSenderDoesNotWait() async {
    let queue = SpeechEventQueue()
    while queue.send(transcript(1, .final)) {}
    let sender = Task { await queue.sendWaiting(.answer(1, .failure("x", logged: "x"))) }
    sender.cancel()
    await sender.value
    #expect(queue.count == SpeechEventQueue.capacity)
  }
}
