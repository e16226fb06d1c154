import Devices
import Sensing
import Spatial
import TestSupport
import Testing
import Tracking
import TrackingPipeline

struct ProximityTests {
  /// The proximity sensor may belong to another part than the IMU.
  @Test func proximitySensorReachesTheFilter() throws {
    let description = try TestPaths.description("htc-vive")
    let part = try #require(description.parts.firstIndex { $0.name == "mainboard" })
    let pipeline = DevicePipeline(
      id: DeviceID(1), role: .head, slot: 0, partCount: description.parts.count,
      tracker: DeviceTracker(
        calibration: InertialCalibration(), sampleRate: 1000, clock: nil, origin: .emulated))
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
