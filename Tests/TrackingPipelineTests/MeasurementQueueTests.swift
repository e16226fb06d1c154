import CLinux
import Devices
import Sensing
import Spatial
import Synchronization
import TestSupport
import Testing
import Tracking
import TrackingPipeline

/// External pose measurements on their way to the tracking thread.
@Suite(.serialized)
struct MeasurementQueueTests {
  /// `@unchecked Sendable`: written on the tracking thread, read after it ended.
  private final class MeasurementTap: PipelineTap, @unchecked Sendable {
    private(set) var captured: [Int64] = []

    func measured(_ measurement: PoseMeasurement, device: DeviceID, at time: Timestamp) {
      captured.append(measurement.captured.nanoseconds)
    }
  }

  private func measurement(_ index: Int, device: UInt32 = 7, slot: Int = 3) -> SubmittedMeasurement {
    SubmittedMeasurement(
      PoseMeasurement(
        captured: Timestamp(nanoseconds: Int64(index)), position: Vector3(1, 2, 3), positionNoise: 0.01),
      device: DeviceID(device), slot: slot)
  }

  @Test func fullRingDropsTheNewestWithACountAndKeepsTheOrder() async throws {
    let loop = try TrackingLoop(notices: EventRing(capacity: 16))
    let reference = TestPipeline.bare(7, slot: 3)
    let tap = MeasurementTap()
    loop.post { loop in
      loop.register(reference.pipeline)
      reference.pipeline.tap = tap
    }
    let capacity = TrackingLoop.measurementCapacity
    var accepted: [Int64] = []
    for index in 0..<(capacity + 100) where loop.submit(measurement(index)) { accepted.append(Int64(index)) }
    #expect(accepted == (0..<Int64(capacity)).map { $0 } && loop.droppedMeasurements == 100)

    let thread = WorkerThread(name: "tracking") { loop.run() }
    let statistics = reference.pipeline.statistics
    func fused() -> Int {
      Int(
        statistics.measurements.load(ordering: .relaxed)
          + statistics.measurementsRejected.load(ordering: .relaxed))
    }
    #expect(await eventually { fused() == capacity })
    // There is room again; a batch too large for the ring is dropped whole, and an absent device is counted.
    #expect(loop.submit((0..<64).map { measurement(capacity + $0) }))
    #expect(!loop.submit((0...capacity).map { measurement($0) }))
    #expect(loop.submit(measurement(0, device: 8)) && loop.submit(measurement(0, slot: 4)))
    #expect(await eventually { loop.droppedMeasurements == UInt64(100 + capacity + 1 + 2) })
    #expect(await eventually { fused() == capacity + 64 })
    loop.stop()
    await thread.ended()
    #expect(tap.captured == (0..<Int64(capacity + 64)).map { $0 })
  }

  @Test func measurementSurvivesTheRingBitForBit() {
    let turn = Quaternion(rotationVector: Vector3(0.1, -0.2, 0.3))
    for orientation in [nil, turn] {
      let before = PoseMeasurement(
        captured: Timestamp(nanoseconds: -5), position: Vector3(1 / 3, -2e-300, 7), positionNoise: 0.003,
        orientation: orientation, orientationNoise: 0.07, point: Vector3(-0.1, 0.2, 1e9))
      let after = SubmittedMeasurement(before, device: DeviceID(1), slot: 2).measurement
      #expect(after.captured == before.captured && after.position == before.position)
      #expect(after.positionNoise == before.positionNoise && after.orientation == before.orientation)
      #expect(after.orientationNoise == before.orientationNoise && after.point == before.point)
    }
  }

  @Test func ringPushesAllOrNoneAndPopsUpToAPosition() {
    let ring = EventRing<Int>(capacity: 4, empty: 0)
    #expect(ring.push(contentsOf: [1, 2, 3]) && !ring.push(contentsOf: [4, 5]) && ring.dropped == 2)
    let end = ring.end
    #expect(ring.push(4) && !ring.push(5) && ring.dropped == 3)
    #expect([ring.pop(before: end), ring.pop(before: end), ring.pop(before: end)] == [1, 2, 3])
    #expect(ring.pop(before: end) == nil && ring.pop() == 4 && ring.pop() == nil)
  }
}
