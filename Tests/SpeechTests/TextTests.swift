import Evaluation
import Foundation
import Spatial
import Testing
import TestSupport

@testable import Speech

@Suite struct TextTests {
  @Test(arguments: [
    ("Mr. Hale, you've done 10 things!", "mister hale you have done ten things"),
    ("It's 3.5 metres (about)", "it is three point five metres"),
    ("In 1984 he can't", "in nineteen eighty four he can not"),
    ("1,234 people", "one thousand two hundred thirty four people"), ("[music] the 21st", "the twenty first"),
    ("Um, he'll  go—there", "he will go there"), ("100%", "one hundred percent"),
    ("don't won't", "do not will not"),
    ("naïve café", "naive cafe"), ("’tis o'clock", "tis oclock"),
  ])
  func wordsAreComparedAlike(_ text: String, _ words: String) {
    #expect(TextNormaliser.words(text).joined(separator: " ") == words)
  }

  @Test(arguments: [
    ("pump twenty three", "pump 23"), ("one hundred and five", "100 and 5"), ("turn it on", "turn it on"),
    ("this one", "this one"), ("two thousand four hundred.", "2400."), ("one two three", "1 2 3"),
    ("forty-two is it", "42 is it"), ("a million", "a million"), ("five million", "5000000"),
  ])
  func numbersBecomeDigits(_ text: String, _ digits: String) {
    #expect(NumberWords.withDigits(text) == digits)
  }

  @Test func everyNumberComesBackFromItsWords() {
    for number in Array(0...2500) + [10_000, 65_536, 999_999, 1_000_000, 123_456_789] {
      #expect(NumberWords.value(NumberWords.words(number)) == number)
    }
  }

  @Test func errorsAreCountedByTheirKind() {
    func errors(_ a: String, _ b: String) -> [Int] {
      let e = WordErrors(
        reference: a.split(separator: " ").map(String.init),
        hypothesis: b.split(separator: " ").map(String.init))
      return [e.substitutions, e.deletions, e.insertions, e.words]
    }
    #expect(errors("a b c d", "a b c d") == [0, 0, 0, 4])
    #expect(errors("a b c d", "a x c") == [1, 1, 0, 4])
    #expect(errors("a b", "a b c d") == [0, 0, 2, 2])
    #expect(errors("", "x") == [0, 0, 1, 0])
    #expect(errors("x y z", "") == [0, 3, 0, 3])
  }

  /// jiwer, which nobody here wrote, counts the same.
  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: chatPython), "needs the packages that 'make test' installs"))
  func jiwerCountsTheSame() async throws {
    var random = SeededRandom(seed: 5)
    var pairs: [[String]] = []
    for _ in 0..<200 {
      func words(_ least: Int) -> String {
        (0..<Int.random(in: least..<least + 12, using: &random)).map { _ in
          ["a", "b", "c", "d"].randomElement(using: &random) ?? ""
        }.joined(separator: " ")
      }
      pairs.append([words(1), words(0)])
    }
    let input = try TestPaths.temporaryFolder() + "/pairs.json"
    try JSONSerialization.data(withJSONObject: pairs).write(to: URL(fileURLWithPath: input))
    let script = """
      import json, sys, jiwer
      for a, b in json.load(open(sys.argv[1])):
          print(round(jiwer.wer(a, b) * len(a.split())) if b else len(a.split()))
      """
    let result = try await Program.run(chatPython, ["-c", script, input])
    let counts = result.output.split(separator: "\n").compactMap { Int($0) }
    #expect(counts.count == pairs.count, "\(result.output.suffix(500))")
    for (pair, count) in zip(pairs, counts) {
      let ours = WordErrors(
        reference: pair[0].split(separator: " ").map(String.init),
        hypothesis: pair[1].split(separator: " ").map(String.init))
      #expect(ours.errors == count, "\(pair)")
    }
  }

  @Test func inventedTextsAreRejected() {
    func problem(_ text: String, voice: Double = 1, length: Double = 1.5, level: Double? = 20) -> String? {
      TranscriptGuard.problem(text, voice: voice, length: length, level: level)
    }
    #expect(problem("Thank you.", voice: 0.3) != nil)
    #expect(problem("Thank you.", voice: 0.9, level: 25) == nil)
    #expect(problem("[Music]") != nil && problem("♪ la la ♪") != nil && problem("...") != nil)
    #expect(problem("recenter", voice: 0.5) == nil)
    #expect(problem("a hum that is no louder", level: 0.5) != nil)
    #expect(problem((0..<40).map { "word\($0)" }.joined(separator: " ")) != nil)
    #expect(TranscriptGuard.withoutLoops("go go go go go now") == "go now")
    #expect(
      TranscriptGuard.withoutLoops("I am here, I am here, I am here, I am here. Yes") == "I am here, Yes")
    #expect(TranscriptGuard.withoutLoops("no no no") == "no no no")
  }

  @Test func partialTextsAreJoinedWithoutSeams() {
    var text = PartialText()
    #expect(text.add("As you know.", freezes: false) == "As you know")
    #expect(text.add("As you know, and.", freezes: true) == "As you know, and")
    #expect(text.add("And as I.", freezes: false) == "As you know, and as I")
    #expect(text.add("I'm sure.", freezes: false) == "As you know, and I'm sure")
    #expect(text.set("As you know and so on.") == "As you know and so on")
    #expect(text.add("", freezes: true) == "As you know and so on")
  }

  @Test func wordsHaveTheTimesOfTheirTokens() {
    let words = TokenWords.words(
      ["▁Go", "▁for", "ward", " ten"], times: [0.1, 0.4, 0.6, 0.9], length: 1.5,
      probabilities: [0.9, 0.8, 0.6, 1])
    #expect(words.map(\.text) == ["Go", "forward", "ten"])
    #expect(words.map(\.start) == [0.1, 0.4, 0.9] && words.map(\.end) == [0.4, 0.9, 1.5])
    #expect(abs((words[1].confidence ?? 0) - 0.7) < 1e-9)
  }

  @Test func vocabulariesOfAnyBytesDoNotTrap() {
    #expect(MoonshineTokens.lines([2, 65, 66, 0]) == Array("QUI=\t0\nPGVtcHR5Pg==\t1\n".utf8))
    #expect(
      MoonshineTokens.lines([5, 65]) == nil && MoonshineTokens.lines([200]) == nil
        && MoonshineTokens.lines([]) == nil)
    // 128 and more take two bytes: 130, 1 is 130 bytes long.
    #expect(MoonshineTokens.lines([130, 1] + [UInt8](repeating: 65, count: 130)) != nil)
  }
}

let chatPython = TestPaths.root + "/.build/chat/bin/python"
