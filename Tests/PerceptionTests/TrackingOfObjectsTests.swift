import Spatial
import Testing

@testable import Perception

struct TrackingOfObjectsTests {
  private func time(_ frame: Int) -> Timestamp { Timestamp(nanoseconds: Int64(frame) * 33_333_333) }

  private func box(_ x: Double, _ y: Double) -> PixelBox {
    PixelBox(left: x, top: y, right: x + 40, bottom: y + 60)
  }

  /// Two persons pass each other, one with low scores for a while; both keep their ids.
  @Test func tracksKeepTheirIDs() throws {
    var tracker = ObjectTracker()
    var ids: [Set<UInt64>] = [[], []]
    for frame in 0..<120 {
      let (a, b) = (box(Double(frame) * 4, 100), box(480 - Double(frame) * 4, 180))
      // The second is half hidden for a while: a low score, and for five pictures not seen at all.
      var detections = [DetectedObject(label: 0, score: 0.9, box: a)]
      if !(50..<55).contains(frame) {
        detections.append(DetectedObject(label: 0, score: (40..<70).contains(frame) ? 0.2 : 0.8, box: b))
      }
      for track in tracker.update(detections, at: time(frame)).present {
        if track.box.overlap(a) > 0.5 { ids[0].insert(track.id) }
        if track.box.overlap(b) > 0.5 { ids[1].insert(track.id) }
      }
    }
    #expect(ids[0].count == 1 && ids[1].count == 1 && ids[0] != ids[1])
  }

  @Test func shortDetectionsAreIgnoredAndEndedTracksReported() {
    var tracker = ObjectTracker()
    #expect(
      tracker.update([DetectedObject(label: 0, score: 0.3, box: box(0, 0))], at: time(0)).present.isEmpty)
    #expect(
      tracker.update([DetectedObject(label: 0, score: 0.9, box: box(0, 0))], at: time(1)).present.isEmpty)
    let shown = tracker.update([DetectedObject(label: 0, score: 0.9, box: box(1, 0))], at: time(2)).present
    #expect(shown.count == 1)
    var gone: [UInt64] = []
    for frame in 3..<60 { gone += tracker.update([], at: time(frame)).gone }
    #expect(gone == shown.map(\.id))
    #expect(tracker.tracks.isEmpty)
  }

  @Test func classesAreNotMixed() {
    var tracker = ObjectTracker()
    for frame in 0..<3 {
      _ = tracker.update([DetectedObject(label: 0, score: 0.9, box: box(0, 0))], at: time(frame))
    }
    let present = tracker.update([DetectedObject(label: 1, score: 0.9, box: box(0, 0))], at: time(3)).present
    #expect(present.isEmpty)
  }

  @Test func gesturesBeginAndEndOnce() {
    var hysteresis = GestureHysteresis()
    func scores(_ label: String, _ value: Double) -> [HandGestures.Score] {
      [HandGestures.Score(label: label, value: value), HandGestures.Score(label: "None", value: 1 - value)]
        .sorted { $0.value > $1.value }
    }
    var told: [String] = []
    let sequence: [(String, Double)] =
      [("Fist", 0.9), ("Fist", 0.9), ("Palm", 0.9)] + Array(repeating: ("Fist", 0.9), count: 4)
      + [("Fist", 0.45), ("Fist", 0.2), ("Fist", 0.8)] + Array(repeating: ("Fist", 0.1), count: 4)
    for (label, value) in sequence {
      let (began, ended) = hysteresis.update(scores(label, value))
      if let began { told.append("+" + began) }
      if let ended { told.append("-" + ended) }
    }
    #expect(told == ["+Fist", "-Fist"])
  }
}
