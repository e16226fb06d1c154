import Spatial
import Testing

@testable import Speech

@Suite struct SegmenterTests {
  private static let window = 512

  /// Seconds of voice and of silence in turn, beginning with silence.
  private func run(_ pattern: [Double]) -> [UtteranceSegmenter.Demand] {
    var settings = SegmentationSettings()
    settings.partialInterval = 0.45
    var segmenter = UtteranceSegmenter(settings)
    var demands: [UtteranceSegmenter.Demand] = []
    for (place, seconds) in pattern.enumerated() {
      for _ in 0..<Int((seconds * 16_000 / Double(Self.window)).rounded()) {
        demands += segmenter.add(Self.window, isVoice: place % 2 == 1)
      }
    }
    return demands + segmenter.finish()
  }

  private func kinds(_ demands: [UtteranceSegmenter.Demand]) -> String {
    demands.map { demand in
      switch demand {
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
    let demands = run([1, 2, 3])
    #expect(kinds(demands) == "bppppwfc")
    guard case .whole(_, let from, let upTo, let end) = demands[5] else { return #expect(Bool(false)) }
    // With what was before the voice and after it.
    #expect(from <= 16_000 - 12_000 && end <= upTo && abs(Double(end) - 48_000 + 1600) < 1024)
  }

  @Test func aVoiceThatGoesOnSoonIsTheSameUtterance() {
    let demands = run([1, 1, 0.8, 1, 2])
    #expect(kinds(demands) == "bppwfppwfc")
    let wholes = demands.compactMap { if case .whole(let n, let from, _, _) = $0 { (n, from) } else { nil } }
    #expect(wholes.map(\.0) == [1, 1] && wholes[0].1 == wholes[1].1)
  }

  @Test func pausesWithinAVoiceDoNotPutOffItsText() throws {
    // Words of 0.3 s: a text after each 0.45 s of voice, however it is cut up.
    let demands = run([1, 0.3, 0.2, 0.3, 0.2, 0.3, 0.2, 0.3, 2])
    #expect(kinds(demands) == "bppwfc")
  }

  @Test func aPauseIsNotDecodedAgainWithTheVoiceAfterIt() throws {
    let demands = run([1, 1, 1.2, 1, 2])
    let partials = demands.compactMap {
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

  @Test func aVoiceAfterALongPauseIsANewUtterance_whichBeginsAfterTheLast() {
    let demands = run([1, 1, 1.7, 1, 2])
    let wholes = demands.compactMap {
      if case .whole(let n, let from, _, let end) = $0 { (n, from, end) } else { nil }
    }
    #expect(wholes.map(\.0) == [1, 2] && wholes[1].1 >= wholes[0].2)
  }

  /// Samples where the first utterance is decoded from, when a wake word was heard after as many seconds.
  private func start(_ pattern: [Double], wake: Double) -> Int? {
    var segmenter = UtteranceSegmenter(SegmentationSettings())
    var demands: [UtteranceSegmenter.Demand] = []
    var isAwake = false
    for (place, seconds) in pattern.enumerated() {
      for _ in 0..<Int((seconds * 16_000 / Double(Self.window)).rounded()) {
        if !isAwake, Double(segmenter.position) >= wake * 16_000 {
          isAwake = true
          segmenter.wakes()
        }
        // Sound is passed over until then.
        demands += segmenter.add(Self.window, isVoice: isAwake && place % 2 == 1)
      }
    }
    for case .whole(_, let from, _, _) in demands { return from }
    return nil
  }

  @Test func whatIsSaidInOneBreathWithAWakeWordIsHeardFromTheWordOn() throws {
    let from = try #require(start([2, 2.5, 2], wake: 3))
    #expect(abs(Double(from) / 16_000 - (3 - 1.6)) < 0.05)
  }

  @Test func whatIsSaidAfterAWakeWordIsHeardWithoutIt() throws {
    let from = try #require(start([2, 1, 0.5, 2, 2], wake: 3.1))
    // The voice comes 0.4 s later: its lead would reach into the word.
    #expect(abs(Double(from) / 16_000 - (3.1 - 0.2)) < 0.05)
    let late = try #require(start([2, 1, 2.5, 2, 2], wake: 3.1))
    #expect(abs(Double(late) / 16_000 - (5.5 - 0.8)) < 0.05)
  }

  @Test func aCoughIsDropped() { #expect(kinds(run([1, 0.1, 2])) == "bwd") }

  @Test func aLongSpeechIsCutAtAPause() {
    let demands = run([0.5, 12, 0.3, 14, 2])
    #expect(kinds(demands).filter { $0 != "p" } == "bwfcbwfc")
    let wholes = demands.compactMap {
      if case .whole(_, let from, let upTo, _) = $0 { (from, upTo) } else { nil }
    }
    // Nothing is lost between them, and the cut is where the voice paused.
    #expect(wholes[0].1 == wholes[1].0)
    #expect(abs(Double(wholes[0].1) / 16_000 - 12.5) < 0.2)
  }

  @Test func speechWithoutAnyPauseIsCutToo() {
    let demands = run([0.5, 70, 2])
    let wholes = demands.compactMap {
      if case .whole(_, let from, let upTo, _) = $0 { (from, upTo) } else { nil }
    }
    #expect(wholes.count >= 3)
    #expect(wholes.allSatisfy { $0.1 - $0.0 <= 21 * 16_000 })
    for (left, right) in zip(wholes, wholes.dropFirst()) { #expect(left.1 == right.0) }
  }

  /// Whatever the voice does: what is final was decoded, what began is closed or dropped, and no sample is asked for that
  /// may be forgotten.
  @Test func everyPatternIsToldInOrder() {
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
        let needed = segmenter.needed
        let patience = segmenter.patience
        let wasVoice = was
        was = isVoice
        let demands = step == 1499 ? segmenter.finish() : segmenter.add(Self.window, isVoice: isVoice)
        // Who waits as long as he may hears of nothing late.
        if step != 1499, wasVoice == isVoice, !demands.contains(where: \.isCut) {
          let asked = demands.contains {
            switch $0 {
            case .partial, .whole, .final: true
            default: false
            }
          }
          #expect(!asked || patience <= Self.window)
        }
        for demand in demands {
          switch demand {
          case .began(let number):
            #expect(open == nil)
            (open, decoded) = (number, nil)
          case .partial(let number, let from, let upTo, _):
            #expect(open == number && from < upTo && from >= needed)
          case .whole(let number, let from, let upTo, let end):
            #expect(open == number && from < upTo && from >= needed)
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

extension UtteranceSegmenter.Demand {
  fileprivate var isCut: Bool { if case .closed(_, let isCut) = self { isCut } else { false } }
}
