import Bridge
import BridgeProtocol
import Foundation
import MCAP
import Sensing
import SessionLog
import SessionTools
import Spatial
import TestSupport
import Testing
import TrackingPipeline

/// Sessions that the code of release 0.1 wrote (`Tests/Fixtures/compatibility/0.1`): `session.mcap` of two devices with all
/// kinds of events except snapshots and losses, `session-in-progress.mcap`, which begins with a snapshot.
@Suite(.serialized)
struct EarlierSessionTests {
  private static let path = CompatibilityTests.folder + "/session.mcap"

  /// Bits depend on fused multiply-add in the C library's sines.
  private static var hasFMA: Bool {
    (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.contains(" fma ") == true
  }

  @Test func devicesAndTopicsAreListed() throws {
    let summary = try SessionSummary(path: Self.path)
    #expect(summary.isComplete && summary.faults.isEmpty && summary.lost == 0 && summary.messages == 740)
    #expect(summary.information["format"] == "1" && summary.information["version"] == "0.1.0")
    #expect(summary.information["realtime_offset_ns"] == "1795423469000000000")
    #expect(summary.devices.map(\.family) == ["test-imu", "relativty"])
    #expect(summary.devices.map(\.serial) == ["T-1", "T-2"])
    #expect(summary.devices.map(\.role) == ["head", "right_hand"])
    #expect(summary.devices.map(\.calibration) == ["factory", "on_device"])
    #expect(
      summary.topics.map { "\($0.name) \($0.schema) \($0.messages)" } == [
        "/devices/1/figures vrbridge.session.Figures 1", "/devices/1/imu/report vrbridge.session.Report 120",
        "/devices/1/pose foxglove.PoseInFrame 120", "/devices/1/state vrbridge.session.TrackedState 120",
        "/devices/2/control vrbridge.session.ControlChange 1",
        "/devices/2/figures vrbridge.session.Figures 1",
        "/devices/2/pose foxglove.PoseInFrame 60", "/devices/2/state vrbridge.session.TrackedState 60",
        "/devices/2/tracker/report vrbridge.session.Report 60", "/log foxglove.Log 1",
        "/session/events vrbridge.session.Event 15", "/session/recorder vrbridge.session.Recorder 1",
        "/tf foxglove.FrameTransform 180",
      ])
    #expect(
      summary.attachments.map(\.name) == [
        "vrbridge.yaml", "devices/test-imu.yaml", "calibration/device-1-imu.json", "devices/relativty.yaml",
        "calibration/device-2-tracker.json",
      ])
  }

  /// Every state computed again equals the one that 0.1 computed; the digest is that of its states.
  @Test(
    .enabled(if: hasFMA),
    arguments: [
      ("session", 180, "4bd3ba04ac718581715ee71e240160c44966ea6472181e2fcd7bbeebc77d6f71"),
      ("session-in-progress", 40, "bceb8e640bedcbb81bb487e2bb227d745b17c14d8d0302b9d128ec8e74d3a1e3"),
    ] as [(String, UInt64, String)])
  func statesAreComputedAgainBitForBit(_ name: String, _ count: UInt64, _ digest: String) throws {
    let result = try SessionVerifier(path: "\(CompatibilityTests.folder)/\(name).mcap").run()
    #expect(result.difference == nil && result.isComplete && result.faults.isEmpty, "\(result)")
    #expect(result.reports == count && result.states == count && result.compared == count)
    #expect(result.digest == digest)
  }

  /// The decoded states have the fields of 0.1's definition, read without generated code.
  @Test func statesAreDecoded() throws {
    let definitions = try MessageDefinitions(path: CompatibilityTests.folder + "/session.proto")
    var seen: Set<String> = []
    var states = 0
    var reports = 0
    try SessionReader(path: Self.path).read { record, _ in
      switch record {
      case .state(_, let bytes):
        try definitions.check(Array(bytes), as: "TrackedState", seen: &seen)
        let fields = try WireFields(Array(bytes))
        let state = try #require(SessionReader.state(bytes))
        let (p, q) = (state.worldFromDevice.position, state.worldFromDevice.orientation)
        #expect(UInt64(bitPattern: state.captured.nanoseconds) == fields.integer(1))
        #expect([q.x, q.y, q.z, q.w] == (3...6).map { fields.double($0) })
        #expect([p.x, p.y, p.z] == (7...9).map { fields.double($0) })
        #expect(UInt64(state.flags.rawValue) == fields.integer(20))
        states += 1
      case .report(let device, let part, let report):
        #expect(part == 0 && report.captured != nil && report.data.count == (device == 1 ? 29 : 17))
        #expect((report.deviceTicks != nil) == (device == 1))
        reports += 1
      default: break
      }
      return .goOn
    }
    #expect(states == 180 && reports == 180 && seen.count == 20, "\(seen.sorted())")
  }

  @Test func aBridgeReplaysIt() async throws {
    // The bridge ends with the session, so that devices are listed during a pause.
    let options = SessionPlayer.Options(speed: nil, isPaused: true)
    let player = try SessionPlayer(path: Self.path, options: options)
    let bridge = try TestBridge(replay: player)
    for count in 1...3 {
      player.step()
      try #require(await eventually { player.reports == count })
    }
    let devices = try await bridge.devices()
    #expect(
      devices.map(\.serial).sorted() == ["T-1", "T-2"] && devices.allSatisfy { $0.origin == .recorded })
    player.togglePause()
    #expect(await eventually { player.reports == 180 })
    #expect(player.failure == nil && player.faults.isEmpty)
    await bridge.stop()
  }
}
