import Cameras
import Bridge
import BridgeClient
import BridgeProtocol
import CLinux
import DeviceEmulation
import Devices
import Foundation
import Inference
import MCAP
import Perception
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import TestSupport
import Testing
import TrackingPipeline

/// Annotations of frames, received through a client's socket.
@Suite(.serialized, .enabled(if: Models.areHere, "needs the models that 'make test' fetches"))
struct PerceptionTests {
  private func configure(_ configuration: inout Configuration, tasks: Set<PerceptionTask.Name>) {
    configuration.models.value.folder = Models.folder
    configuration.models.value.runtime = Models.runtime
    if let key = try? SigningKey.load(file: Models.state + "/keys/models.key") {
      configuration.models.value.trustedKeys = [SigningKey.publicText(key)]
    }
    configuration.perception.value.tasks = tasks
  }

  /// Collects annotations until the condition holds.
  private func collect(
    _ bridge: TestBridge, within seconds: Double,
    until isEnough: @escaping @Sendable ([Vrbridge_V1_Annotation]) -> Bool
  ) async throws -> [Vrbridge_V1_Annotation] {
    let socket = bridge.socket
    return try await onThread {
      let connection = try BridgeConnection(path: socket, clientName: "test")
      _ = try connection.request(.subscribe(.with { $0.streams = [.annotations] }))
      var all: [Vrbridge_V1_Annotation] = []
      let end = Date().addingTimeInterval(seconds)
      while Date() < end, !isEnough(all) {
        guard let frame = try connection.receive(within: 0.5) else { continue }
        if case .annotations(let batch) = frame.message { all += batch.annotations }
      }
      return all
    }
  }

  /// The synthetic scene has a hand and a sign at known positions, which are compared with the annotations.
  @Test func annotationsOfTheSyntheticSceneAreAtItsObjects() async throws {
    let scene = try SyntheticScene()
    let sign = try #require(scene.boards.first { $0.name == "sign" }).center
    let hand = try #require(scene.boards.first { $0.name == "hand" }).center
    let bridge = try TestBridge { configuration in
      configure(&configuration, tasks: [.hands, .text])
      configuration.demo = Setting(.always, from: "test")
      configuration.perception.value.textRate = 5
    }
    // The head looks away and back, and without optimisation a frame is drawn in half a second.
    let all = try await collect(bridge, within: 150) { list in
      [("right hand", 4), ("open palm", 1), (SyntheticScene.signText, 4)].allSatisfy { label, count in
        list.count { $0.label == label && !$0.ended && ($0.kind != .hand || $0.confidence > 0.9) } >= count
      }
    }
    await bridge.stop()
    func off(_ annotation: Vrbridge_V1_Annotation, _ truth: Vector3) -> Double {
      let toTruth = (truth - annotation.anchor.origin.vector).normalized ?? .zero
      return acos(min(1, annotation.anchor.direction.vector.dot(toTruth))) * 180 / .pi
    }
    let texts = all.filter { $0.kind == .text && $0.label == SyntheticScene.signText && !$0.ended }
    #expect(texts.count >= 4)
    for text in texts {
      // The head turns while it looks; the anchor stays on the sign.
      #expect(off(text, sign) < 2.5 && text.anchor.space == .world)
      #expect(text.model == "text-recognition" && text.modelDigest.count == 64)
    }
    // One sign is one annotation, for as long as it is in view.
    #expect(Set(texts.map(\.id)).count < texts.count)
    let hands = all.filter {
      $0.kind == .hand && $0.label == "right hand" && !$0.ended && $0.confidence > 0.9
    }
    #expect(hands.count >= 4)
    let places = hands.map { $0.anchor.origin.vector + $0.anchor.direction.vector * $0.anchor.distance }
    let middle = places.reduce(Vector3.zero, +) / Double(max(1, places.count))
    for (found, place) in zip(hands, places) {
      #expect(found.joints.count == 26 && found.region.points.count == 42)
      // The palm lies below the board's middle, on the board; it does not turn with the head.
      #expect(off(found, hand) < 13, "\(off(found, hand))")
      #expect((place - middle).length < 0.06, "\((place - middle).length)")
      let distance = (hand - found.anchor.origin.vector).length
      // A hand of usual size hangs there; how far it is follows from its size alone.
      #expect(abs(found.anchor.distance / distance - 1) < 0.35, "\(found.anchor.distance) of \(distance)")
    }
    let gestures = all.filter { $0.label == "open palm" && !$0.ended }
    #expect(!gestures.isEmpty && gestures.allSatisfy { $0.kind == .gesture })
    for annotation in all { #expect(annotation.publishedNs >= annotation.capturedNs) }
  }

  /// A replay of a session with frames publishes annotations of the frames.
  @Test func framesOfASessionAreProcessedInAReplay() async throws {
    let folder = try TestPaths.temporaryFolder()
    let source = try TestBridge { configuration in
      configure(&configuration, tasks: [.text])
      configuration.demo = Setting(.always, from: "test")
      configuration.perception.value.textRate = 5
    }
    var plan = RecordingPlan(path: folder + "/a.mcap")
    plan.streams.insert(.camera)
    try source.daemon.recording.start(plan)
    let live = try await collect(source, within: 100) { list in
      list.count { $0.label == SyntheticScene.signText } >= 3
    }
    _ = try await onThread { source.daemon.recording.stop() }
    await source.stop()
    #expect(live.count { $0.label == SyntheticScene.signText } >= 3)
    // What was seen stands in the file, with its model.
    let recorded = try annotations(plan.path)
    #expect(recorded.contains { $0["label"] == SyntheticScene.signText && $0["model"] == "text-recognition" })
    let player = try SessionPlayer(path: plan.path, options: SessionPlayer.Options(isPaused: true))
    let replay = try TestBridge(replay: player) { configuration in
      configure(&configuration, tasks: [.text])
      configuration.perception.value.textRate = 5
    }
    try await Task.sleep(for: .milliseconds(300))
    player.togglePause()
    let again = try await collect(replay, within: 100) { list in
      list.contains { $0.label == SyntheticScene.signText }
    }
    await replay.stop()
    let found = try #require(again.first { $0.label == SyntheticScene.signText })
    let sign = try #require(try SyntheticScene().boards.first { $0.name == "sign" }).center
    let toTruth = (sign - found.anchor.origin.vector).normalized ?? .zero
    // A replay's lens is not in the session: a usual one was taken.
    #expect(acos(min(1, found.anchor.direction.vector.dot(toTruth))) * 180 / .pi < 8)
  }

  private func annotations(_ path: String) throws -> [[String: String]] {
    var list: [[String: String]] = []
    try SessionReader(path: path).read { record, _ in
      if case .other(.imageAnnotations?, let bytes) = record {
        let message = try Foxglove_ImageAnnotations(serializedBytes: Array(bytes))
        list.append(Dictionary(message.metadata.map { ($0.key, $0.value) }) { first, _ in first })
      }
      return .goOn
    }
    return list
  }

  // MARK: gestures

  /// A controller that repeats a path of three strokes with rests between.
  private func controller(repetitions: Int) throws -> EmulatedDevice {
    let rest = Quaternion.identity
    func turn(_ yaw: Double, _ pitch: Double) -> Quaternion {
      Quaternion(angle: yaw, axis: Vector3(0, 1, 0)) * Quaternion(angle: pitch, axis: Vector3(1, 0, 0))
    }
    var tour = [rest, rest, rest]
    for number in 0..<repetitions {
      let size = 0.85 + 0.07 * Double(number % 5)
      tour += [
        turn(0.9 * size, 0.1), turn(0.1, -0.8 * size), turn(-0.8 * size, 0.5 * size), rest, rest, rest,
      ]
    }
    let motion = HeadMotion.tour(tour, hold: 0, turn: 0.45)
    return try EmulatedDevice(
      try TestPaths.description("htc-vive-wand"),
      options: EmulatedDevice.Options(part: "radio", motion: motion, serial: "WAND", seed: 3))
  }

  @Test func aRecordedGestureIsRecognisedInAReplay() async throws {
    let folder = try TestPaths.temporaryFolder()
    let path = folder + "/gestures.mcap"
    // Ten of them, live, and recorded.
    let source = try TestBridge { configuration in
      configuration.roles = Setting(["WAND": .rightHand], from: "test")
    }
    try source.daemon.recording.start(RecordingPlan(path: path))
    let device = try controller(repetitions: 10)
    let (reader, writer) = try device.connect()
    source.daemon.attach(device.match, reader)
    let stop = linux_eventfd()
    let seconds = device.options.motion.tourSeconds + 1
    Thread.detachNewThread {
      try? device.run(into: writer, from: Timestamp(nanoseconds: linux_monotonic_ns()), until: stop)
    }
    try await Task.sleep(for: .seconds(seconds))
    linux_eventfd_signal(stop)
    _ = try await onThread { source.daemon.recording.stop() }
    await source.stop()

    // The first five teach; the session's own poses are what a person would have recorded.
    var spotter = GestureSpotter()
    var movements: [GestureSpotter.Movement] = []
    try SessionReader(path: path).read { record, _ in
      if case .state(_, let bytes) = record, let state = SessionReader.state(bytes),
        let movement = spotter.add(state.worldFromDevice.position, at: state.captured, head: nil)
      {
        movements.append(movement)
      }
      return .goOn
    }
    #expect(movements.count >= 9, "\(movements.count)")
    let state = try TestPaths.temporaryFolder()
    let store = GestureStore(folder: GestureStore.folder(stateFolder: state))
    for movement in movements.prefix(5) { _ = try store.add(movement.trace, to: "three strokes") }

    let seen = try await replayed(path, state, .examples, wanted: 10, within: seconds + 5)
    let recognised = seen.count { $0.label == "three strokes" }
    #expect(recognised >= 8, "\(recognised) of \(movements.count): \(seen.map(\.label))")
    for annotation in seen where annotation.label == "three strokes" {
      #expect(annotation.kind == .gesture && annotation.handedness == .right && annotation.confidence > 0.4)
      // Told within half a second of its end.
      #expect(annotation.publishedNs - annotation.capturedNs < 500_000_000)
    }
    guard canTrain else { return }
    // A network that learns from the same five.
    let trained = try await Program.run(
      "vrbridge",
      [
        "gestures", "train", "--network", "--no-compare", "--epochs", "12", "--python", "/usr/bin/python3",
      ],
      environment: [
        "VRBRIDGE_STATE": state, "VRBRIDGE_MODELS": state + "/models", "VRBRIDGE_OPENVINO": Models.runtime,
        "XDG_CONFIG_HOME": state, "TERM": "dumb",
      ], within: 120)
    try #require(trained.code == 0, "\(trained.errors)")
    let told = try await replayed(path, state, .network, wanted: 4, within: seconds + 5)
    let byNetwork = told.filter { $0.label == "three strokes" }
    #expect(byNetwork.count >= 4, "\(told.map(\.label))")
    #expect(
      byNetwork.allSatisfy { $0.model == "movements" && $0.modelVersion == "1" && !$0.modelDigest.isEmpty })
  }

  private var canTrain: Bool {
    Models.areHere && FileManager.default.fileExists(atPath: "/usr/lib/python3/dist-packages/torch")
  }

  /// Annotations of the movements in a replayed session.
  private func replayed(
    _ path: String, _ state: String, _ learner: PerceptionSettings.MovementLearner, wanted: Int,
    within seconds: Double
  ) async throws -> [Vrbridge_V1_Annotation] {
    let player = try SessionPlayer(path: path, options: SessionPlayer.Options(isPaused: true))
    let replay = try TestBridge(replay: player) { configuration in
      configuration.stateFolder = state
      configuration.perception.value.tasks = [.gestures]
      configuration.perception.value.movements = learner
      configuration.models.value.folder = state + "/models"
      configuration.models.value.runtime = Models.runtime
    }
    try await Task.sleep(for: .milliseconds(500))
    player.togglePause()
    let seen = try await collect(replay, within: seconds) { list in
      list.count { $0.label == "three strokes" } >= wanted
    }
    await replay.stop()
    return seen
  }
}
