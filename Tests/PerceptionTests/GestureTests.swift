import Foundation
import Inference
import Spatial
import TestSupport
import Testing

@testable import Perception

struct GestureTests {
  /// A synthetic movement with individual size, speed, slant and jitter.
  private func draw(
    _ count: Int = 40, seed: UInt64, size: Double = 0.3, _ place: (Double) -> (Double, Double)
  ) -> GestureTrace {
    var noise = SeededRandom(seed: seed)
    let slant = tremble(&noise) * 0.2
    return GestureTrace(
      points: (0..<count).map { index in
        // Not at one speed.
        let s = Double(index) / Double(count - 1)
        let eased = s + 0.08 * sin(2 * .pi * s)
        let (x, y) = place(eased)
        return GestureTrace.Point(
          time: s, x: size * (x + slant * y + 0.02 * tremble(&noise)),
          y: size * (y - slant * x + 0.02 * tremble(&noise)),
          z: size * 0.1 * tremble(&noise) * 0.2)
      })
  }

  private static let zed: @Sendable (Double) -> (Double, Double) = { s in
    s < 1.0 / 3 ? (3 * s, 1) : s < 2.0 / 3 ? (2 - 3 * s, 2 - 3 * s) : (3 * s - 2, 0)
  }

  @Test func fiveExamplesSufficeForAGesture() {
    let examples = (0..<5).map {
      (name: "zed", trace: draw(seed: $0, size: 0.2 + 0.05 * Double($0), Self.zed))
    }
    let model = GestureModel(examples + BuiltInGestures.all)
    var right = 0
    for seed in UInt64(100)..<150 {
      let match = model.recognise(
        draw(30 + Int(seed % 20), seed: seed, size: 0.15 + 0.01 * Double(seed % 30), Self.zed))
      right += match?.name == "zed" ? 1 : 0
    }
    #expect(right >= 48, "\(right) of 50")
    // What was drawn backwards is another movement.
    #expect(model.recognise(draw(seed: 7) { Self.zed(1 - $0) })?.name != "zed")
    // Ordinary motion: smooth wandering.
    var taken = 0
    for seed in 0..<200 {
      var noise = SeededRandom(seed: UInt64(seed) + 1000)
      let waves = (0..<6).map { _ in
        (tremble(&noise), tremble(&noise), 0.5 + abs(tremble(&noise)) * 2, tremble(&noise) * 3)
      }
      let wandering = GestureTrace(
        points: (0..<60).map { index in
          let s = Double(index) / 59
          let x = waves[0..<3].reduce(0) { $0 + $1.0 * sin($1.2 * 6 * s + $1.3) }
          let y = waves[3..<6].reduce(0) { $0 + $1.1 * sin($1.2 * 6 * s + $1.3) }
          return GestureTrace.Point(time: s * 2, x: x * 0.2, y: y * 0.2, z: 0)
        })
      taken += model.recognise(wandering)?.name == "zed" ? 1 : 0
    }
    #expect(taken <= 2, "\(taken) of 200")
  }

  @Test(arguments: [
    "swipe right", "swipe left", "swipe up", "swipe down", "circle clockwise", "circle counter-clockwise",
    "wave",
  ])
  func builtInGesturesAreRecognised(_ name: String) {
    let model = GestureModel(BuiltInGestures.all)
    var right = 0
    for seed in 0..<30 {
      let trace = draw(seed: UInt64(seed)) { s in
        switch name {
        case "swipe right": (s, 0)
        case "swipe left": (-s, 0)
        case "swipe up": (0, s)
        case "swipe down": (0, -s)
        case "circle clockwise": (cos(0.7 - 6.28 * s), 0.9 * sin(0.7 - 6.28 * s))
        case "circle counter-clockwise": (cos(2 + 6.28 * s), 1.1 * sin(2 + 6.28 * s))
        default: (sin(2 * .pi * 2.4 * s), 0.1 * cos(4 * .pi * 2.4 * s))
        }
      }
      right += model.recognise(trace)?.name == name ? 1 : 0
    }
    #expect(right >= 28, "\(right) of 30")
  }

  /// Training data: variations remain the gesture, and negative examples are rejected.
  @Test func variationsAreAcceptedAndOtherMovementsRejected() throws {
    let examples = (0..<5).map { (name: "zed", trace: draw(seed: $0, Self.zed)) }
    let model = GestureModel(examples + BuiltInGestures.all)
    var variations = GestureVariations(seed: 5)
    let varied = (0..<100).map { variations.vary(examples[$0 % 5].trace) }
    #expect(Set(varied).count == 100)
    let kept = varied.count { model.classify($0)?.name == "zed" }
    #expect(kept >= 97, "\(kept) of 100")
    let strangers = (0..<100).compactMap { _ in variations.strange(to: model) }
    #expect(strangers.count >= 95)
    for stranger in strangers { #expect(model.recognise(stranger) == nil) }
    // The same seed, the same movements.
    var again = GestureVariations(seed: 5)
    #expect((0..<100).map { again.vary(examples[$0 % 5].trace) } == varied)
    // Nothing that moves not, or hardly, stops it.
    for points in [[], [GestureTrace.Point(time: 0, x: 1, y: 1, z: 1)]] {
      #expect(variations.vary(GestureTrace(points: points)).points == points)
    }
    var lone = GestureVariations(seed: 1)
    #expect(lone.strange(to: GestureModel([])) == nil)
  }

  @Test func networkInputsArePositionsThenDirections() throws {
    let line = GestureTrace(
      points: (0..<20).map { GestureTrace.Point(time: Double($0), x: Double($0), y: 0, z: 0) })
    let tensor = try #require(GestureNetwork.input(line))
    #expect(tensor.shape == [1, 6, 64])
    let numbers = tensor.numbers
    // From left to right about the middle; the other axes are still; all the way to the right.
    #expect(numbers[0] < 0 && numbers[63] > 0 && abs(numbers[0] + numbers[63]) < 1e-5)
    #expect(numbers[64..<192].allSatisfy { $0 == 0 })
    #expect(numbers[192..<256].allSatisfy { abs($0 - 1) < 1e-5 })
    #expect(GestureNetwork.input(GestureTrace(points: Array(repeating: line.points[0], count: 9))) == nil)
    // A network that gives another number of shares than it has labels is told.
    let shares = try #require(Tensor(type: .float32, shape: [1, 2], numbers: [0.1, 0.9]))
    #expect(throws: InferenceError.self) { try GestureNetwork.scores([shares], labels: ["none"]) }
    let scores = try GestureNetwork.scores([shares], labels: ["none", "zed"])
    #expect(GestureNetwork.accepted(scores)?.label == "zed")
    #expect(GestureNetwork.accepted(try GestureNetwork.scores([shares], labels: ["zed", "none"])) == nil)
    let unsure = try #require(Tensor(type: .float32, shape: [1, 2], numbers: [0.4, 0.6]))
    #expect(GestureNetwork.accepted(try GestureNetwork.scores([unsure], labels: ["none", "zed"])) == nil)
  }

  @Test func movementsAreSegmentedByRest() throws {
    var spotter = GestureSpotter()
    let head = Quaternion(angle: 1.2, axis: Vector3(0, 1, 0))
    var found: [GestureSpotter.Movement] = []
    var now: Int64 = 0
    func feed(_ place: Vector3) {
      now += 10_000_000
      if let movement = spotter.add(place, at: Timestamp(nanoseconds: now), head: head) {
        found.append(movement)
      }
    }
    for _ in 0..<100 { feed(Vector3(0, 1, 0)) }
    // To the right of who looks there, half a metre in half a second.
    let right = head.rotate(Vector3(1, 0, 0))
    for step in 0..<50 { feed(Vector3(0, 1, 0) + right * (0.5 * (0.5 - 0.5 * cos(.pi * Double(step) / 49)))) }
    let end = now
    for _ in 0..<100 { feed(Vector3(0, 1, 0) + right * 0.5) }
    let movement = try #require(found.first)
    #expect(found.count == 1)
    #expect(abs(Double(movement.ended.nanoseconds - end)) < 0.1e9)
    // Left and right are the person's.
    let last = try #require(movement.trace.points.last)
    #expect(last.x > 0.45 && abs(last.z) < 0.02 && abs(last.y) < 0.02)
    #expect(GestureModel(BuiltInGestures.all).recognise(movement.trace)?.name == "swipe right")
    // Trembling is no movement.
    for step in 0..<500 { feed(Vector3(0, 1, 0) + right * (0.5 + 0.0005 * Double(step % 2))) }
    #expect(found.count == 1)
  }

  @Test func restIsNoMovement() {
    let model = GestureModel(BuiltInGestures.all)
    for points in [[], [GestureTrace.Point(time: 0, x: 0, y: 0, z: 0)]] {
      #expect(model.recognise(GestureTrace(points: points)) == nil)
    }
    let still = Array(repeating: GestureTrace.Point(time: 0, x: 1, y: 1, z: 1), count: 10)
    #expect(model.recognise(GestureTrace(points: still)) == nil)
    let wild = [Double.nan, .infinity, 1e300, -1e300, 0].map {
      GestureTrace.Point(time: 0, x: $0, y: $0, z: 0)
    }
    _ = model.recognise(GestureTrace(points: wild))
    #expect(GestureModel([]).recognise(draw(seed: 1, Self.zed)) == nil)
  }

  @Test func examplesAreStored() throws {
    let store = GestureStore(folder: try TestPaths.temporaryFolder())
    _ = try store.add(draw(seed: 1, Self.zed), to: "my zed")
    let second = try store.add(draw(seed: 2, Self.zed), to: "my zed")
    #expect(second.hasSuffix("/2.json") && store.names == ["my zed"])
    try Data("no JSON".utf8).write(to: URL(fileURLWithPath: store.folder + "/my zed/3.json"))
    let (traces, faults) = store.examples(of: "my zed")
    #expect(traces == [draw(seed: 1, Self.zed), draw(seed: 2, Self.zed)] && faults.count == 1)
    #expect(store.model(withBuiltIn: true).names.contains("my zed"))
    for name in ["", "../x", " x", "a/b", String(repeating: "a", count: 41)] {
      #expect(!GestureStore.isName(name))
    }
    try store.remove("my zed")
    #expect(store.names.isEmpty)
  }
}

private func tremble(_ noise: inout SeededRandom) -> Double { Double.random(in: -1...1, using: &noise) }
