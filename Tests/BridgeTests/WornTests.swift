import Devices
import Sensing
import Spatial
import TestSupport
import Testing
import Tracking

@testable import Bridge

struct WornTests {
  /// What a headset says of being worn reaches the filter, from whichever part says it.
  @Test func theFilterKnowsWhetherAHeadsetIsWorn() throws {
    let description = try Places.description("htc-vive")
    let part = try #require(description.parts.firstIndex { $0.name == "mainboard" })
    let pipeline = DevicePipeline(
      id: DeviceID(1), role: .head, slot: 0, partCount: description.parts.count,
      tracker: DeviceTracker(
        calibration: InertialCalibration(), sampleRate: 1000, clock: nil, origin: .emulated),
      page: nil, events: nil, demand: nil)
    pipeline.attach(
      part: part,
      decoder: try PartDecoder(part: description.parts[part], controls: description.controls),
      record: nil, tracker: nil)
    for proximity: UInt8 in [0, 60, 10] {
      var report = [UInt8](repeating: 0, count: 64)
      report[0] = 3
      report[14] = proximity
      report.withUnsafeBytes {
        _ = pipeline.process(part: part, $0, received: Timestamp(nanoseconds: 1_000_000))
      }
      #expect(pipeline.tracker.isWorn == (proximity > 40))
    }
  }
}
