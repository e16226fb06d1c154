import BridgeProtocol
import Foundation
import Sensing
import Spatial
import TestSupport
import Testing

/// Wire numbers and privacy scopes of all annotation kinds.
struct AnnotationKindTests {
  private static let expected:
    [Annotation.Kind: (number: Int, scope: PrivacyScope, audience: Set<PrivacyScope>)] = [
      .hand: (1, .camera, [.camera]), .gesture: (2, .camera, [.camera]),
      .object: (3, .camera, [.camera]), .text: (4, .camera, [.camera]),
      .transcript: (5, .microphone, [.microphone]), .intent: (6, .microphone, [.microphone]),
      .answer: (7, .microphone, [.microphone]), .listening: (8, .microphone, [.camera, .microphone]),
    ]

  private func message(_ kind: Annotation.Kind) -> Vrbridge_V1_Annotation {
    Vrbridge_V1_Annotation(
      Annotation(
        id: 1, kind: kind, label: "", confidence: 1,
        source: Annotation.Source(model: "m", version: "1", digest: ""),
        captured: .init(nanoseconds: 1), published: .init(nanoseconds: 2)))
  }

  @Test(arguments: Annotation.Kind.allCases)
  func kindsHaveNumbersAndScopes(_ kind: Annotation.Kind) throws {
    let expected = try #require(Self.expected[kind])
    #expect(message(kind).kind.rawValue == expected.number)
    #expect(message(kind).kind.annotationKind == kind)
    #expect(kind.scope == expected.scope)
    #expect(kind.audience == expected.audience)
  }

  /// The C header and the page list the kinds themselves.
  @Test(arguments: Annotation.Kind.allCases)
  func headerAndPageHaveEveryKind(_ kind: Annotation.Kind) throws {
    let number = message(kind).kind.rawValue
    let name = kind.name.uppercased()
    let header = try String(
      contentsOfFile: TestPaths.root + "/Sources/CVRBridge/include/vrbridge_annotations.h", encoding: .utf8)
    #expect(header.contains("VRB_KIND_\(name) = \(number)"))
    let page = try String(contentsOfFile: TestPaths.root + "/dashboard/page.js", encoding: .utf8)
    #expect(page.contains("ANNOTATION_KIND_\(name): "))
  }

  @Test func unknownNumbersHaveNoKind() {
    #expect(Vrbridge_V1_AnnotationKind(rawValue: 0)?.annotationKind == nil)
    #expect(Vrbridge_V1_AnnotationKind(rawValue: 99)?.annotationKind == nil)
  }

  @Test func anchorSpacesAndTextStatesHaveTheirNumbers() {
    var annotation = Annotation(
      id: 1, kind: .text, label: "", confidence: 1,
      source: Annotation.Source(model: "m", version: "1", digest: ""),
      captured: .init(nanoseconds: 1), published: .init(nanoseconds: 2))
    let spaces: [Annotation.Anchor.Space: Int] = [.world: 1, .head: 2, .hand: 3, .screen: 4]
    for space in Annotation.Anchor.Space.allCases {
      annotation.anchor = Annotation.Anchor(space: space, origin: .zero, direction: Vector3(0, 0, -1))
      #expect(Vrbridge_V1_Annotation(annotation).anchor.space.rawValue == spaces[space])
    }
    let states: [Annotation.TextState: Int] = [.partial: 1, .final: 2, .interrupted: 3]
    for state in Annotation.TextState.allCases {
      annotation.textState = state
      #expect(Vrbridge_V1_Annotation(annotation).textState.rawValue == states[state])
    }
  }
}
