import Foundation
import Spatial
import Synchronization
import Testing

@testable import Speech

struct DecodeQueueTests {
  private func whole(_ utterance: UInt64, position: Int = 0) -> DecodeJob {
    let time = Timestamp(nanoseconds: 0)
    return .whole(
      DecodeJob.Sound(utterance: utterance, samples: [0], start: time, end: time, requested: 0),
      position: position, level: nil)
  }

  private func push(_ utterance: UInt64, to queue: DecodeQueue) {
    queue.push(.report(.began(utterance, at: Timestamp(nanoseconds: 0))))
    queue.push(whole(utterance))
    queue.push(.final(utterance, position: 0, voice: 1))
    queue.push(.report(.closed(utterance)))
  }

  /// Takes all jobs; `stop` is the last.
  private func drain(_ queue: DecodeQueue) -> [DecodeJob] {
    queue.push(.stop)
    var jobs: [DecodeJob] = []
    while true {
      guard let job = queue.next() else { continue }
      if case .stop = job { return jobs }
      jobs.append(job)
    }
  }

  private func wholes(_ jobs: [DecodeJob]) -> [UInt64] {
    jobs.compactMap { if case .whole(let sound, _, _) = $0 { sound.utterance } else { nil } }
  }

  @Test func liveSoundIsBoundedAndItsLossCounted() {
    let queue = DecodeQueue(overflow: .dropOldest, capacity: 4)
    for utterance in 1...1000 as ClosedRange<UInt64> { push(utterance, to: queue) }
    #expect(queue.dropped == 996)
    let jobs = drain(queue)
    #expect(wholes(jobs) == [997, 998, 999, 1000])
    // Nothing remains of utterances whose begin was never reported.
    #expect(jobs.count == 16)
  }

  @Test func anUtteranceThatBeganIsReportedAsDropped() {
    let queue = DecodeQueue(overflow: .dropOldest, capacity: 1)
    push(1, to: queue)
    guard case .report(.began(1, _))? = queue.next() else {
      Issue.record("the first job is the begin")
      return
    }
    push(2, to: queue)
    let jobs = drain(queue)
    guard case .report(.dropped(1, _))? = jobs.first else {
      Issue.record("\(jobs)")
      return
    }
    #expect(wholes(jobs) == [2] && queue.dropped == 1)
  }

  @Test func aLaterSoundOfTheSameUtteranceReplacesTheEarlier() {
    let queue = DecodeQueue(overflow: .dropOldest, capacity: 2)
    for position in 1...50 { queue.push(whole(7, position: position)) }
    let positions = drain(queue).compactMap {
      if case .whole(_, let position, _) = $0 { position } else { nil }
    }
    #expect(positions == [49, 50] && queue.dropped == 0)
  }

  /// A file is transcribed as a whole, however slow the recogniser is.
  @Test func soundOfFilesWaitsForRoom() {
    let queue = DecodeQueue(overflow: .wait, capacity: 2)
    let most = Atomic<Int>(0)
    let waiting = Atomic<Int>(0)
    let thread = Thread {
      for utterance in 1...200 as ClosedRange<UInt64> {
        queue.push(self.whole(utterance))
        let count = waiting.add(1, ordering: .relaxed).newValue
        most.max(count, ordering: .relaxed)
      }
      queue.push(.stop)
    }
    thread.start()
    var utterances: [UInt64] = []
    while true {
      guard let job = queue.next() else { continue }
      if case .stop = job { break }
      waiting.subtract(1, ordering: .relaxed)
      utterances += wholes([job])
    }
    #expect(utterances == Array(1...200) && queue.dropped == 0)
    // The feeding thread counts after its push, so one more may be in between.
    #expect(most.load(ordering: .relaxed) <= 4)
  }
}
