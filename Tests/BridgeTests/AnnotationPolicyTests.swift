import Foundation
import Perception
import Sensing
import Spatial
import StrictYAML
import Testing

@testable import Bridge

/// Selection of published annotations.
struct AnnotationPolicyTests {
  private func settings(_ yaml: String) throws -> AnnotationSettings {
    var configuration = Configuration()
    try configuration.apply(text: "annotations: \(yaml)", file: "test")
    // What is printed gives the same again.
    var again = Configuration()
    try again.apply(text: configuration.text(), file: "again")
    #expect(again.annotations.value == configuration.annotations.value)
    return configuration.annotations.value
  }

  private func seen(
    _ id: UInt64, _ label: String = "cup", _ confidence: Double, at seconds: Double = 0,
    kind: Annotation.Kind = .object, x: Double = 0, width: Double = 100, turned: Double = 0
  ) -> Annotation {
    let time = Timestamp(nanoseconds: Int64(seconds * 1e9) + 1_000_000_000)
    var annotation = Annotation(
      id: id, kind: kind, label: label, confidence: confidence,
      source: Annotation.Source(model: "m", version: "1", digest: ""), captured: time, published: time)
    annotation.region = Annotation.Region(
      camera: "c", width: 640, height: 480, x: 320 + x, y: 240, sizeX: width, sizeY: 50)
    let angle = x * 65 * .pi / 180 / 640 + turned
    annotation.anchor = Annotation.Anchor(
      space: .world, origin: .zero, direction: Vector3(sin(angle), 0, -cos(angle)))
    annotation.timeToLive = 1
    return annotation
  }

  private func told(_ list: [Annotation]) -> [String] {
    list.map { "\($0.id)\($0.isEnded ? "-" : "+")\($0.supersededBy.map { ">\($0)" } ?? "")" }
  }

  @Test func hysteresisPreventsFlicker() throws {
    let policy = AnnotationPolicy(
      try settings("{ object: { show: 0.6, keep: 0.4 } }"), tasks: PerceptionTask.all)
    let confidences = [0.5, 0.59, 0.61, 0.5, 0.41, 0.61, 0.39, 0.5, 0.7]
    let result = confidences.enumerated().map { index, value in
      told(policy.apply([seen(1, "cup", value, at: Double(index) * 0.05)]))
    }
    #expect(result == [[], [], ["1+"], ["1+"], ["1+"], ["1+"], ["1-"], [], ["1+"]])
    #expect(throws: DocumentError.self) { try settings("{ object: { show: 0.4, keep: 0.6 } }") }
  }

  @Test func theNumberIsLimited() throws {
    let policy = AnnotationPolicy(try settings("{ object: { max: 2 } }"), tasks: PerceptionTask.all)
    let three = [seen(1, "a", 0.5), seen(2, "b", 0.6), seen(3, "c", 0.55)]
    #expect(told(policy.apply(three)) == ["1+", "2+"])
    // Not surer by enough, then by enough.
    #expect(told(policy.apply([seen(3, "c", 0.58, at: 0.1)])) == [])
    #expect(told(policy.apply([seen(3, "c", 0.7, at: 0.2)])) == ["1-", "3+"])
    // Another kind has its own number; and what has lived out leaves room.
    #expect(told(policy.apply([seen(9, "hand", 0.5, at: 0.2, kind: .hand)])) == ["9+"])
    #expect(told(policy.apply([seen(4, "d", 0.2, at: 5)])) == ["4+"])
  }

  @Test func theRateIsLimited() throws {
    let policy = AnnotationPolicy(try settings("{ object: { rate_hz: 10 } }"), tasks: PerceptionTask.all)
    let updates = (0..<100).flatMap { policy.apply([seen(1, "cup", 0.9, at: Double($0) * 0.02)]) }
    #expect(abs(updates.count - 20) <= 1)
    var last = seen(1, "cup", 0.9, at: 2.001)
    last.isEnded = true
    #expect(told(policy.apply([last])) == ["1-"])
    #expect(told(policy.apply([last])) == [])
  }

  @Test func linesReplaceTheirWordsWhileTheHeadTurns() throws {
    let policy = AnnotationPolicy(try settings("{}"), tasks: PerceptionTask.all)
    func text(_ id: UInt64, _ label: String, x: Double, width: Double, at: Double, turned: Double = 0)
      -> Annotation
    {
      seen(id, label, 0.9, at: at, kind: .text, x: x, width: width, turned: turned)
    }
    #expect(told(policy.apply([text(1, "PUMP", x: -30, width: 120, at: 0)])) == ["1+"])
    // Half a second later the picture has moved by a quarter of its width, the world has not.
    #expect(
      told(
        policy.apply([text(2, "PUMP 3", x: 160, width: 180, at: 0.5, turned: -160 * 65 * .pi / 180 / 640)]))
        == ["1->2", "2+"])
    #expect(told(policy.apply([text(3, "3", x: 60, width: 40, at: 0.6)])) == [])
    // Beside it is another.
    #expect(told(policy.apply([text(4, "EXIT", x: 250, width: 80, at: 0.6)])) == ["4+"])
    // Two of one name at one place are one, the first; of another name they are two.
    #expect(
      told(policy.apply([seen(5, "cup", 0.5), seen(6, "cup", 0.9), seen(7, "bowl", 0.9)])) == ["5+", "7+"])
    let apart = AnnotationPolicy(try settings("{ merge: false }"), tasks: PerceptionTask.all)
    #expect(told(apart.apply([seen(5, "cup", 0.5), seen(6, "cup", 0.9)])) == ["5+", "6+"])
  }

  @Test func speechPassesUnchanged() throws {
    let policy = AnnotationPolicy(try settings("{ text: { show: 1 } }"), tasks: PerceptionTask.all)
    #expect(
      told(policy.apply([seen(1, "hello", 0, kind: .transcript), seen(2, "x", 0.5, kind: .text)])) == ["1+"])
  }

  @Test func languagesAreFiltered() throws {
    let some = try settings("{ languages: [en, pt-BR] }")
    #expect(some.wants(language: "en") && some.wants(language: "EN-us") && some.wants(language: "pt-br"))
    #expect(!some.wants(language: "pt") && !some.wants(language: "de"))
    // An engine of one language tells none.
    #expect(some.wants(language: nil) && some.wants(language: ""))
    #expect(try settings("{}").wants(language: "de"))
    for wrong in ["[english language]", "[e]", "en"] {
      #expect(throws: DocumentError.self) { try settings("{ languages: \(wrong) }") }
    }
  }
}
