import DeviceEmulation
import Devices
import Foundation
import MCAP
import Sensing
import SessionLog
import Spatial
import Synchronization
import TestSupport
import Testing
import Tracking
import TrackingPipeline

/// A device that stalls for 15 s and is connected again: the gap is reported, and a replay computes the same states.
struct InterruptedSessionTests {
  private final class Collector: PipelineTap {
    var states: [[UInt8]] = []
    func state(_ state: TrackedState, device: DeviceID) { states.append(SessionWriter.stateBytes(state)) }
  }

  private func heading(_ state: TrackedState) -> Double {
    let forward = state.worldFromDevice.orientation.rotate(Vector3(0, 0, -1))
    return atan2(-forward.x, -forward.z)
  }

  @Test(arguments: OrientationEstimators.names)
  func aGapIsReportedAndReplayedBitForBit(_ estimator: String) throws {
    let path = try TestPaths.temporaryFolder() + "/session.mcap"
    let settings = try EstimatorSettings(estimator: estimator)
    let device = try EmulatedDevice(
      try TestPaths.description("htc-vive"),
      options: EmulatedDevice.Options(motion: .lookingAround(seed: 3)))
    let match = device.match
    let events = EventRing<TrackingEvent>(capacity: 4096)
    let writer = try SessionWriter(DiskFile(creating: path), information: ["library": "test"])
    let tap = DirectTap(writer)
    tap.parts[1] = match.description.parts.map(\.name)
    tap.controls[1] = match.description.controls
    let pipeline = DevicePipeline(
      id: DeviceID(1), role: .head, slot: 0, partCount: match.description.parts.count,
      tracker: DeviceTracker(
        calibration: InertialCalibration(), sampleRate: match.part.sampleRate, clock: nil,
        origin: device.identity.origin), outputs: PipelineOutputs(events: events))
    pipeline.tap = tap
    var generator = try device.generator()
    var last: TrackedState?
    func open(at time: Timestamp) throws {
      let opened = try PartOpener.open(match, recorded: [], descriptor: nil)
      let record = OpenedPartRecord(
        device: pipeline.id, match: match, identity: device.identity, descriptor: nil, opened: opened,
        isNominal: false, settings: settings)
      try record.write(to: writer, device: 1, role: .head, isUpdate: false, at: time)
      let (calibration, clock) = (opened.calibration, match.part.clock)
      pipeline.attach(part: match.partIndex, decoder: opened.decoder, record: record) { learned in
        DeviceTracker(
          calibration: calibration, sampleRate: match.part.sampleRate, clock: clock,
          origin: device.identity.origin, settings: settings, learned: learned)
      }
    }
    /// Returns the states before and after the first report.
    func feed(_ count: Int, at start: Double) throws -> (before: TrackedState?, first: TrackedState) {
      let before = last
      var first: TrackedState?
      for _ in 0..<count {
        let step = generator.next()
        for report in step.reports {
          let state = report.withUnsafeBytes {
            pipeline.process(
              part: match.partIndex, $0, received: Timestamp(nanoseconds: Int64((start + step.time) * 1e9)))
          }
          if state != nil { (first, last) = (first ?? state, state) }
        }
      }
      return (before, try #require(first))
    }
    func gaps() -> [TrackingEvent] {
      var list: [TrackingEvent] = []
      while let event = events.pop() { if event.kind == .gap { list.append(event) } }
      return list
    }

    try open(at: Timestamp(nanoseconds: 1_000_000_000))
    _ = try feed(4000, at: 1)
    #expect(gaps().isEmpty && pipeline.statistics.gaps.load(ordering: .relaxed) == 0)
    // The device stood still with its counter.
    let stalled = try feed(1000, at: 16)
    let reported = gaps()
    #expect(reported.count == 1 && abs(Double(reported.first?.value ?? 0) - 15) < 0.1, "\(reported)")
    #expect(pipeline.statistics.gaps.load(ordering: .relaxed) == 1)
    var event = Vrbridge_Session_Event()
    event.timeNs = 30_000_000_000
    event.partClosed.deviceID = 1
    event.partClosed.part = UInt32(match.partIndex)
    try writer.write(event, on: .events, at: Timestamp(nanoseconds: event.timeNs))
    pipeline.detach(part: match.partIndex)
    try open(at: Timestamp(nanoseconds: 30_000_000_000))
    let again = try feed(1000, at: 31)
    for (before, first) in [stalled, again] {
      let before = try #require(before)
      #expect(abs(heading(first) - heading(before)) < 0.1, "\(heading(first)) after \(heading(before))")
      #expect(
        first.uncertainty.heading > max(before.uncertainty.heading, 1.5) || before.uncertainty.heading > 1.5)
    }
    if let failure = tap.failure { throw failure }
    try writer.finish()

    let collector = Collector()
    var recorded: [[UInt8]] = []
    let engine = ReplayEngine(settings: nil) { opening in
      let pipeline = ReplayEngine.bare(opening)
      pipeline?.tap = collector
      return pipeline
    }
    try SessionReader(path: path).read(attachment: { try engine.take($0) }) { record, _ in
      switch record {
      case .report(let device, let part, let report): engine.process(device: device, part: part, report)
      case .state(_, let bytes): recorded.append(Array(bytes))
      case .event(let event): _ = try engine.apply(event)
      default: break
      }
      return .goOn
    }
    #expect(recorded.count > 5000 && collector.states == recorded)
  }
}
