import Spatial
import Testing

@testable import Speech

@Suite struct SegmenterTests {
  private static let window = 512

  /// Returns the actions for seconds of silence and voice in turn.
  private func run(_ pattern: [Double]) -> [UtteranceSegmenter.Action] {
    var settings = SegmentationSettings()
    settings.partialInterval = 0.45
    var segmenter = UtteranceSegmenter(settings)
    var actions: [UtteranceSegmenter.Action] = []
    for (index, seconds) in pattern.enumerated() {
      for _ in 0..<Int((seconds * 16_000 / Double(Self.window)).rounded()) {
        actions += segmenter.add(Self.window, isVoice: index % 2 == 1)
      }
    }
    return actions + segmenter.finish()
  }

  private func kinds(_ actions: [UtteranceSegmenter.Action]) -> String {
    actions.map { action in
      switch action {
      case .began: "b"
      case .partial: "p"
      case .whole: "w"
      case .final: "f"
      case .closed: "c"
      case .dropped: "d"
      }
    }.joined()
  }

  @Test func anUtteranceIsDecodedAtTheFirstPauseAndFinalAtTheSecond() {
    let actions = run([1, 2, 3])
    #expect(kinds(actions) == "bppppwfc")
    guard case .whole(_, let from, let upTo, let end) = actions[5] else { return #expect(Bool(false)) }
    // Including the sound before and after the voice.
    #expect(from <= 16_000 - 12_000 && end <= upTo && abs(Double(end) - 48_000 + 1600) < 1024)
  }

  @Test func aVoiceThatGoesOnSoonContinuesTheUtterance() {
    let actions = run([1, 1, 0.8, 1, 2])
    #expect(kinds(actions) == "bppwfppwfc")
    let wholes = actions.compactMap { if case .whole(let n, let from, _, _) = $0 { (n, from) } else { nil } }
    #expect(wholes.map(\.0) == [1, 1] && wholes[0].1 == wholes[1].1)
  }

  @Test func pausesBetweenWordsDoNotDelayThePartialText() throws {
    // Words of 0.3 s: a text after each 0.45 s of voice, however it is cut up.
    let actions = run([1, 0.3, 0.2, 0.3, 0.2, 0.3, 0.2, 0.3, 2])
    #expect(kinds(actions) == "bppwfc")
  }

  @Test func aPauseIsNotDecodedAgainWithTheVoiceAfterIt() throws {
    let actions = run([1, 1, 1.2, 1, 2])
    let partials = actions.compactMap {
      if case .partial(_, let from, let upTo, _) = $0 { (from, upTo) } else { nil }
    }
    // The voice returns after 3.2 s.
    #expect(abs(Double(partials[2].0) / 16_000 - (3.2 - 0.2)) < 0.05)
  }

  @Test func inNoiseAnUtteranceGoesOnLonger() {
    func count(isNoisy: Bool) -> Int {
      var segmenter = UtteranceSegmenter(SegmentationSettings())
      segmenter.isNoisy = isNoisy
      var numbers: Set<UInt64> = []
      // Nine seconds, three quarters of one in silence, two seconds more.
      for step in 0..<400 {
        let isVoice = step < 280 || (305..<370).contains(step)
        for case .final(let number, _, _) in segmenter.add(Self.window, isVoice: isVoice) {
          numbers.insert(number)
        }
      }
      return numbers.count
    }
    #expect(count(isNoisy: false) == 2)
    #expect(count(isNoisy: true) == 1)
  }

  @Test func aVoiceAfterALongPauseBeginsANewUtteranceAfterTheLast() {
    let actions = run([1, 1, 1.7, 1, 2])
    let wholes = actions.compactMap {
      if case .whole(let n, let from, _, let end) = $0 { (n, from, end) } else { nil }
    }
    #expect(wholes.map(\.0) == [1, 2] && wholes[1].1 >= wholes[0].2)
  }

  /// Returns the first decoded sample when a wake word is detected after some seconds.
  private func start(_ pattern: [Double], wake: Double) -> Int? {
    var segmenter = UtteranceSegmenter(SegmentationSettings())
    var actions: [UtteranceSegmenter.Action] = []
    var isAwake = false
    for (index, seconds) in pattern.enumerated() {
      for _ in 0..<Int((seconds * 16_000 / Double(Self.window)).rounded()) {
        if !isAwake, Double(segmenter.position) >= wake * 16_000 {
          isAwake = true
          segmenter.wake()
        }
        // The microphone is closed until then.
        actions += segmenter.add(Self.window, isVoice: isAwake && index % 2 == 1)
      }
    }
    for case .whole(_, let from, _, _) in actions { return from }
    return nil
  }

  @Test func speechInOneBreathWithAWakeWordIsDecodedFromTheWordOn() throws {
    let from = try #require(start([2, 2.5, 2], wake: 3))
    #expect(abs(Double(from) / 16_000 - (3 - 1.6)) < 0.05)
  }

  @Test func speechAfterAWakeWordIsDecodedWithoutIt() throws {
    let from = try #require(start([2, 1, 0.5, 2, 2], wake: 3.1))
    // The voice comes 0.4 s later: its lead would reach into the word.
    #expect(abs(Double(from) / 16_000 - (3.1 - 0.2)) < 0.05)
    let late = try #require(start([2, 1, 2.5, 2, 2], wake: 3.1))
    #expect(abs(Double(late) / 16_000 - (5.5 - 0.8)) < 0.05)
  }

  @Test func aCoughIsDropped() { #expect(kinds(run([1, 0.1, 2])) == "bwd") }

  @Test func aLongSpeechIsCutAtAPause() {
    let actions = run([0.5, 12, 0.3, 14, 2])
    #expect(kinds(actions).filter { $0 != "p" } == "bwfcbwfc")
    let wholes = actions.compactMap {
      if case .whole(_, let from, let upTo, _) = $0 { (from, upTo) } else { nil }
    }
    // No sound is lost between them, and the cut is at the pause.
    #expect(wholes[0].1 == wholes[1].0)
    #expect(abs(Double(wholes[0].1) / 16_000 - 12.5) < 0.2)
  }

  @Test func speechWithoutAnyPauseIsCutToo() {
    let actions = run([0.5, 70, 2])
    let wholes = actions.compactMap {
      if case .whole(_, let from, let upTo, _) = $0 { (from, upTo) } else { nil }
    }
    #expect(wholes.count >= 3)
    #expect(wholes.allSatisfy { $0.1 - $0.0 <= 21 * 16_000 })
    for (left, right) in zip(wholes, wholes.dropFirst()) { #expect(left.1 == right.0) }
  }

  /// For any pattern of voice: each final text was decoded, each begin has an end, and no dropped sample is requested.
  @Test func actionsOfRandomPatternsAreInOrder() {
    var random = SeededRandom(seed: 99)
    for _ in 0..<300 {
      var segmenter = UtteranceSegmenter(SegmentationSettings())
      var open: UInt64?
      var decoded: Int?
      var isVoice = false
      var left = 0
      var was = false
      for step in 0..<1500 {
        if left == 0 {
          isVoice.toggle()
          left = Int.random(in: 1...(isVoice ? 80 : 50), using: &random)
        }
        left -= 1
        let oldestNeeded = segmenter.oldestNeeded
        let samplesUntilAction = segmenter.samplesUntilAction
        let wasVoice = was
        was = isVoice
        let actions = step == 1499 ? segmenter.finish() : segmenter.add(Self.window, isVoice: isVoice)
        // No request comes before the announced number of samples.
        if step != 1499, wasVoice == isVoice, !actions.contains(where: \.isCut) {
          let requests = actions.contains {
            switch $0 {
            case .partial, .whole, .final: true
            default: false
            }
          }
          #expect(!requests || samplesUntilAction <= Self.window)
        }
        for action in actions {
          switch action {
          case .began(let number):
            #expect(open == nil)
            (open, decoded) = (number, nil)
          case .partial(let number, let from, let upTo, _):
            #expect(open == number && from < upTo && from >= oldestNeeded)
          case .whole(let number, let from, let upTo, let end):
            #expect(open == number && from < upTo && from >= oldestNeeded)
            decoded = end
          case .final(let number, let end, _): #expect(open == number && decoded == end)
          case .closed(let number, _), .dropped(let number):
            #expect(open == number)
            open = nil
          }
        }
      }
      #expect(open == nil)
    }
  }
}

extension UtteranceSegmenter.Action {
  fileprivate var isCut: Bool { if case .closed(_, let isCut) = self { isCut } else { false } }
}
