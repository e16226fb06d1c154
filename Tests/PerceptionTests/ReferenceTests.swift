import Foundation
import Imaging
import Inference
import Spatial
import TestSupport
import Testing

@testable import Perception

/// Comparison with results of MediaPipe and ONNX Runtime on the same photographs (`vision/reference` of the corpus).
@Suite(.enabled(if: Models.areHere && TestPaths.corpus != nil, "needs the corpus and the fetched models"))
struct ReferenceTests {
  private struct Reference: Decodable {
    var images: [String: Images]
    struct Images: Decodable {
      var full: [Hand]
    }
  }
  private struct Hand: Decodable {
    var handedness: String
    var landmarks: [[Double]]

    enum CodingKeys: String, CodingKey {
      case handedness
      case landmarks = "landmarks_px"
    }
  }
  private struct GestureReference: Decodable {
    var images: [String: [Gesture]]
  }
  private struct Gesture: Decodable {
    var gesture: String
    var score: Double
    var handedness: String
  }
  private struct ObjectReference: Decodable {
    var images: [String: [Thing]]
  }
  private struct Thing: Decodable {
    var label: String
    var score: Double
    var box: [Double]
  }

  private func reference<Value: Decodable>(_ name: String, _: Value.Type) throws -> Value {
    let folder = try #require(TestPaths.corpus)
    return try JSONDecoder().decode(
      Value.self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/vision/reference/\(name).json")))
  }

  private func image(_ name: String) throws -> RGBImage? {
    let folder = try #require(TestPaths.corpus)
    let file = "\(folder)/vision/images/" + URL(fileURLWithPath: name).lastPathComponent
    guard let data = FileManager.default.contents(atPath: file) else { return nil }
    return try? Picture.decode(Array(data))
  }

  @Test func handsEqualThoseOfMediaPipe() async throws {
    let host = TestHost.make()
    var distances: [Double] = []
    let references = try reference("mediapipe_hands_reference", Reference.self).images
    for (name, expected) in references.sorted(by: { $0.key < $1.key }) {
      guard let image = try image(name) else { continue }
      let (hands, _) = try await HandTracker(host: host).track(image)
      #expect(hands.count == expected.full.count, "\(name)")
      var left = hands
      for hand in expected.full {
        func distance(_ candidate: HandTracker.Hand) -> Double {
          zip(candidate.landmarks.points, hand.landmarks).map { point, other in
            let (x, y) = (point.x - other[0], point.y - other[1])
            return (x * x + y * y).squareRoot()
          }.reduce(0, +) / Double(HandLandmarks.count)
        }
        guard let best = left.indices.min(by: { distance(left[$0]) < distance(left[$1]) }) else {
          Issue.record("\(name): a hand was not found")
          continue
        }
        let found = left.remove(at: best)
        // Two hands that lie on each other: less clear.
        #expect(distance(found) < (name.contains("holy") ? 2 : 0.7), "\(name)")
        distances.append(distance(found))
        // MediaPipe's Solutions name the hand of a mirrored picture.
        #expect(found.landmarks.isRight == (hand.handedness == "Left"), "\(name)")
        let depths = zip(found.landmarks.points, hand.landmarks).map { abs($0.z - $1[2]) }
        #expect(depths.reduce(0, +) / 21 < 3, "\(name)")
      }
    }
    #expect(distances.count >= 25)
    print(
      "landmarks of \(distances.count) hands: mean \(distances.reduce(0, +) / Double(distances.count)) px")
  }

  @Test func gesturesEqualThoseOfMediaPipe() async throws {
    let host = TestHost.make()
    let references = try reference("mediapipe_gestures_reference", GestureReference.self).images
    var differences: [Double] = []
    for (name, expected) in references.sorted(by: { $0.key < $1.key }) {
      guard let image = try image(name), expected.count == 1 else { continue }
      let (hands, _) = try await HandTracker(host: host).track(image)
      guard hands.count == 1 else { continue }
      let (scores, _) = try await HandGestures(host: host).classify(hands[0].landmarks)
      #expect(scores.first?.label == expected[0].gesture, "\(name)")
      // Tasks name the hand itself.
      #expect(hands[0].landmarks.isRight == (expected[0].handedness == "Right"), "\(name)")
      differences.append(abs((scores.first?.value ?? 0) - expected[0].score))
    }
    let mean = differences.reduce(0, +) / Double(max(1, differences.count))
    print("gestures of \(differences.count) hands: mean difference of scores \(mean)")
    #expect(differences.count >= 20 && mean < 0.04)
  }

  @Test func objectsEqualThoseOfONNXRuntime() async throws {
    let host = TestHost.make()
    let model = try await host.model(ObjectDetector.defaultModel)
    let references = try reference("yolox_nano_reference", ObjectReference.self).images
    var compared = 0
    for (name, expected) in references.sorted(by: { $0.key < $1.key }) {
      guard let image = try image(name) else { continue }
      let found = try await ObjectDetector().detect(image, model, host: host)
      #expect(found.count == expected.count, "\(name)")
      for thing in expected {
        let box = PixelBox(
          left: thing.box[0], top: thing.box[1], right: thing.box[2], bottom: thing.box[3])
        let same = found.filter { model.manifest.labels[$0.label] == thing.label }
        let best = same.max { $0.box.overlap(box) < $1.box.overlap(box) }
        let overlap = best.map { $0.box.overlap(box) } ?? 0
        #expect(overlap >= 0.95, "\(name): \(thing.label)")
        #expect(abs((best?.score ?? 0) - thing.score) <= 0.02, "\(name): \(thing.label)")
        compared += 1
      }
    }
    #expect(compared >= 15)
  }
}
