import Devices
import MCAP
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing
import Tracking
import TrackingPipeline

/// Sessions state whether times were checked, and a replay follows them.
struct CheckedTimesTests {
  /// Feeds five seconds of a DualShock 4 whose stamps are zero.
  ///
  /// - Parameter checksTimes: as its session states.
  /// - Returns: the pipeline.
  private func replay(checksTimes: Bool, origin: Origin = .recorded) throws -> DevicePipeline {
    let description = try TestPaths.description("sony-dualshock4")
    let match = DeviceCatalog.Match(description: description, partIndex: 0)
    let identity = InterfaceIdentity(
      bus: .usb, vendor: 0x054c, product: 0x09cc, serial: "T-1", origin: origin)
    let opened = try PartOpener.open(match, recorded: [], descriptor: nil)
    let record = OpenedPartRecord(
      device: DeviceID(1), match: match, identity: identity, descriptor: nil, opened: opened,
      isNominal: false,
      settings: EstimatorSettings())
    #expect(record.message.checksTimes == (origin != .emulated))
    let engine = ReplayEngine(settings: nil, makePipeline: ReplayEngine.bare)
    try engine.take(
      MCAPAttachment(
        logTime: 0, name: record.descriptionName, mediaType: "application/yaml",
        data: Array(description.text.utf8)))
    var message = record.message
    message.role = DeviceRole.leftHand.name
    message.checksTimes = checksTimes
    _ = try engine.apply(.with { $0.partOpened = message })
    let pipeline = try #require(engine.pipelines[1])
    var report = [UInt8](repeating: 0, count: 64)
    (report[0], report[5], report[22]) = (1, 8, 0x20)
    for index in 0..<1250 {
      report.withUnsafeBytes {
        _ = pipeline.process(
          part: 0, $0, received: Timestamp(nanoseconds: 1_000_000_000 + Int64(index) * 4_000_000))
      }
    }
    return pipeline
  }

  @Test func aReplayChecksTimesWhereItsSessionDid() throws {
    let (checked, earlier) = (try replay(checksTimes: true), try replay(checksTimes: false))
    #expect(checked.statistics.states.load(ordering: .relaxed) > 1100)
    #expect(checked.statistics.clockDefect.load(ordering: .relaxed) == ClockDefect.stuck.rawValue)
    #expect(earlier.statistics.states.load(ordering: .relaxed) < 100)
    #expect(earlier.tracker.clockStatus.fault == nil)
  }

  @Test func limitationsSurviveTheQueueOfARecording() {
    for limitation: TrackingLimitation in [
      .clock(ClockStatus(fault: .rate, rate: 9.99, arrivalSpread: 0.001)),
      .timeStep(TimeSteps(count: 2, seconds: 7.5)), .simpleReports, .noChecksum,
    ] {
      for isActive in [true, false] {
        let packed = PackedLimitation(words: PackedLimitation(limitation, isActive: isActive).words)
        #expect(packed.limitation == limitation && packed.isActive == isActive)
        #expect(!limitation.text.isEmpty)
      }
    }
  }
}
