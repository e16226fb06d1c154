import Sensing
import Spatial
import Testing

@testable import Tracking

struct PoseHistoryTests {
  private func state(_ milliseconds: Int64, yaw: Double = 0, rate: Double = 0) -> TrackedState {
    TrackedState(
      captured: Timestamp(nanoseconds: milliseconds * 1_000_000), received: Timestamp(nanoseconds: 0),
      worldFromDevice: Pose(orientation: Quaternion(angle: yaw, axis: Vector3(0, 1, 0))),
      angularVelocity: Vector3(0, rate, 0),
      uncertainty: PoseUncertainty(inclination: 0.01, heading: 0.01, position: 0),
      flags: [.orientationValid, .orientationTracked])
  }

  @Test func answersSayHowTheyWereMade() throws {
    var history = PoseHistory(capacity: 64)
    for index in 0..<10 { history.append(state(Int64(index) * 10, yaw: Double(index) * 0.1, rate: 10)) }
    #expect(history.state(at: Timestamp(nanoseconds: -1)) == nil)
    let exact = try #require(history.state(at: Timestamp(nanoseconds: 30_000_000)))
    #expect(exact.flags.contains(.exact))
    let between = try #require(history.state(at: Timestamp(nanoseconds: 35_000_000)))
    #expect(between.flags.contains(.interpolated) && !between.flags.contains(.exact))
    #expect(abs(between.worldFromDevice.orientation.rotationVector.y - 0.35) < 1e-12)
    let ahead = try #require(history.state(at: Timestamp(nanoseconds: 110_000_000)))
    #expect(ahead.flags.contains(.predicted) && !ahead.flags.contains(.predictionCapped))
    #expect(abs(ahead.worldFromDevice.orientation.rotationVector.y - 1.1) < 1e-12)
    #expect(ahead.uncertainty.heading > exact.uncertainty.heading)
    let far = try #require(history.state(at: Timestamp(nanoseconds: 900_000_000)))
    #expect(far.flags.contains(.predictionCapped))
    #expect(abs(far.worldFromDevice.orientation.rotationVector.y - 1.9) < 1e-12)
    #expect(far.captured == Timestamp(nanoseconds: 190_000_000))
  }

  @Test func theOldestFallOutAndOrderIsKept() throws {
    var history = PoseHistory(capacity: 16)
    for index in 0..<100 {
      let isNew = history.append(state(Int64(index)))
      #expect(isNew)
    }
    let isAccepted = history.append(state(50))
    #expect(!isAccepted)
    #expect(history.count == 16)
    #expect(history.oldest?.captured == Timestamp(nanoseconds: 84_000_000))
    #expect(history.state(at: Timestamp(nanoseconds: 83_000_000)) == nil)
    for millisecond in 84...99 {
      let found = try #require(history.state(at: Timestamp(nanoseconds: Int64(millisecond) * 1_000_000)))
      #expect(found.captured.nanoseconds == Int64(millisecond) * 1_000_000)
    }
  }

  @Test func anEmptyHistoryHasNoAnswer() {
    #expect(PoseHistory().state(at: Timestamp(nanoseconds: 0)) == nil)
  }
}
