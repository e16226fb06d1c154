import DeviceEmulation
import Devices
import Foundation
import MCAP
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import TestSupport
import Testing
import Tracking
import TrackingPipeline

/// Sessions name the orientation estimator of their states, and replays use it or another.
struct EstimatorReplayTests {
  private final class Collector: PipelineTap {
    var states: [[UInt8]] = []
    func state(_ state: TrackedState, device: DeviceID) { states.append(SessionWriter.stateBytes(state)) }
  }

  /// The recorded states and openings of a session, and the states that a replay computes.
  private func replay(_ path: String, settings: EstimatorSettings? = nil) throws -> (
    recorded: [[UInt8]], computed: [[UInt8]], openings: [Vrbridge_Session_PartOpened]
  ) {
    let collector = Collector()
    var recorded: [[UInt8]] = []
    var openings: [Vrbridge_Session_PartOpened] = []
    let engine = ReplayEngine(settings: settings) { opening in
      let pipeline = ReplayEngine.bare(opening)
      pipeline?.tap = collector
      return pipeline
    }
    try SessionReader(path: path).read(attachment: { try engine.take($0) }) { record, _ in
      switch record {
      case .report(let device, let part, let report): engine.process(device: device, part: part, report)
      case .state(_, let bytes): recorded.append(Array(bytes))
      case .event(let event):
        if case .partOpened(let opened) = event.event { openings.append(opened) }
        _ = try engine.apply(event)
      default: break
      }
      return .goOn
    }
    return (recorded, collector.states, openings)
  }

  private let complementary = "complementary"

  @Test func theEstimatorOfASessionIsReadBack() throws {
    let path = try TestPaths.temporaryFolder() + "/session.mcap"
    let settings = try EstimatorSettings(
      estimator: complementary, values: ["proportional_gain_per_s": 0.7])
    _ = try TestPipeline.writeSession(path, reports: 2500, settings: settings)
    let result = try replay(path)
    let opening = try #require(result.openings.first)
    #expect(opening.filterEstimator == complementary)
    #expect(opening.filterSettings == settings.values)
    #expect(
      try EstimatorSettings(recorded: opening.filterEstimator, values: opening.filterSettings) == settings)
    #expect(result.recorded.count > 1000 && result.computed == result.recorded)
  }

  @Test func anotherEstimatorGivesOtherStatesAndTheSameOnesEachTime() throws {
    let path = try TestPaths.temporaryFolder() + "/session.mcap"
    _ = try TestPipeline.writeSession(path, reports: 2000)
    let other = try EstimatorSettings(estimator: complementary)
    let original = try replay(path)
    let first = try replay(path, settings: other)
    #expect(original.openings.first?.filterEstimator == EstimatorSettings().estimator)
    #expect(original.computed == original.recorded)
    #expect(first.computed.count == original.computed.count)
    #expect(first.computed != original.computed)
    #expect(try replay(path, settings: other).computed == first.computed)
  }

  @Test func aSessionWithoutANameHasTheStandardEstimator() throws {
    let path = try TestPaths.temporaryFolder() + "/session.mcap"
    var settings = OrientationSettings()
    settings.biasWalk *= 3
    _ = try TestPipeline.writeSession(
      path, reports: 2500, settings: EstimatorSettings(settings), namesEstimator: false)
    let result = try replay(path)
    #expect(result.openings.first?.filterEstimator == "")
    #expect(result.recorded.count > 1000 && result.computed == result.recorded)
  }

  @Test func anUnknownEstimatorIsRejectedWithTheKnownOnes() throws {
    let path = try TestPaths.temporaryFolder() + "/session.mcap"
    _ = try TestPipeline.writeSession(path, reports: 10)
    var opening = try #require(try replay(path).openings.first)
    opening.filterEstimator = "from-the-future"
    var event = Vrbridge_Session_Event()
    event.partOpened = opening
    let engine = ReplayEngine(settings: nil, makePipeline: ReplayEngine.bare)
    try SessionReader(path: path).read(attachment: { try engine.take($0) }) { _, _ in .goOn }
    #expect {
      _ = try engine.apply(event)
    } throws: { error in
      guard let error = error as? ReplayError else { return false }
      return error.code == "session-estimator-unknown" && error.description.contains("from-the-future")
        && OrientationEstimators.names.allSatisfy { error.description.contains($0) }
    }
  }

  /// Snapshots of the recorded estimator are read by a replay with another one, whose own snapshots it reads in turn.
  @Test func aReplayWithAnotherEstimatorReadsSnapshots() throws {
    let path = try TestPaths.temporaryFolder() + "/session.mcap"
    _ = try TestPipeline.writeSession(path, reports: 1000)
    let other = try EstimatorSettings(estimator: complementary)
    func engine(_ settings: EstimatorSettings?) throws -> (ReplayEngine, DevicePipeline) {
      let engine = ReplayEngine(settings: settings, makePipeline: ReplayEngine.bare)
      try SessionReader(path: path).read(attachment: { try engine.take($0) }) { record, _ in
        switch record {
        case .report(let device, let part, let report):
          engine.process(device: device, part: part, report)
        case .event(let event): _ = try engine.apply(event)
        default: break
        }
        return .goOn
      }
      return (engine, try #require(engine.pipelines[1]))
    }
    func event(_ pipeline: DevicePipeline) -> Vrbridge_Session_Event {
      .with {
        $0.snapshot.deviceID = 1
        $0.snapshot.version = DeviceSnapshot.version
        $0.snapshot.words = Data(pipeline.snapshot.bytes)
      }
    }
    let (_, recorded) = try engine(nil)
    let (replay, replayed) = try engine(other)
    _ = try replay.apply(event(recorded))
    #expect(replayed.tracker.settings == other)
    #expect(replayed.tracker.learned.bias == recorded.tracker.learned.bias)

    // As the replay's session would be read: its opening names the other estimator.
    let opened = try #require(recorded.openedParts.compactMap { $0 }.first)
    var message = opened.message
    message.use(other)
    message.deviceID = 1
    message.role = DeviceRole.head.name
    let (second, again) = try engine(nil)
    _ = try second.apply(.with { $0.partOpened = message })
    _ = try second.apply(event(replayed))
    #expect(again.tracker.settings == other)
    #expect(again.tracker.learned == replayed.tracker.learned)
    #expect(again.snapshot.bytes == replayed.snapshot.bytes)
  }

  /// A session that begins with a snapshot: the other estimator continues from the recorded orientation and bias.
  @Test func anotherEstimatorContinuesFromASnapshot() throws {
    let device = try EmulatedDevice(
      try TestPaths.description("htc-vive"), options: EmulatedDevice.Options(motion: .gesturing()))
    let match = device.match
    var generator = try device.generator()
    func pipeline(_ settings: EstimatorSettings) throws -> DevicePipeline {
      let opened = try PartOpener.open(match, recorded: [], descriptor: nil)
      let opening = ReplayEngine.Opening(
        device: 1, match: match, identity: device.identity, opened: opened, role: .head)
      let pipeline = try #require(ReplayEngine.bare(opening))
      pipeline.attach(part: match.partIndex, decoder: opened.decoder, record: nil) { learned in
        DeviceTracker(
          calibration: opened.calibration, sampleRate: match.part.sampleRate, clock: match.part.clock,
          origin: .emulated, settings: settings, learned: learned)
      }
      return pipeline
    }
    func feed(_ pipelines: [DevicePipeline], _ count: Int) {
      for _ in 0..<count {
        let step = generator.next()
        for report in step.reports {
          for pipeline in pipelines {
            report.withUnsafeBytes {
              _ = pipeline.process(
                part: match.partIndex, $0, received: Timestamp(nanoseconds: Int64((1 + step.time) * 1e9)))
            }
          }
        }
      }
    }
    let recorded = EstimatorSettings()
    let other = try EstimatorSettings(estimator: complementary)
    for (from, to) in [(recorded, other), (other, recorded)] {
      let original = try pipeline(from)
      feed([original], 2000)
      var words: ContiguousArray<UInt64> = []
      original.snapshot.bytes.withUnsafeBytes { bytes in
        for offset in stride(from: 0, to: bytes.count, by: 8) {
          words.append(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
      }
      let replayed = try pipeline(to)
      try replayed.restore(words, recordedWith: from)
      #expect(replayed.tracker.settings == to)
      #expect(replayed.tracker.learned.bias == original.tracker.learned.bias)
      feed([original, replayed], 200)
      let a = try #require(original.tracker.history.newest).worldFromDevice.orientation
      let b = try #require(replayed.tracker.history.newest).worldFromDevice.orientation
      #expect(a.angle(to: b) < 0.03, "\(from.estimator) to \(to.estimator): \(a.angle(to: b)) rad")
      #expect(a != b)
    }
  }
}
