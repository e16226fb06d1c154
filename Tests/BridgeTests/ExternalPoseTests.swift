import Admission
import Authorisation
import Assistant
import BridgeClient
import BridgeProtocol
import CLinux
import Foundation
import Logging
import MCAP
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import TestSupport
import Testing
import Tracking
import TrackingPipeline
import SessionTools

@testable import Bridge

/// External pose measurements of devices, through the socket.
@Suite(.serialized)
struct ExternalPoseTests {
  private func measurement(
    _ device: UInt32, _ position: Vector3 = Vector3(1, 1.5, -2)
  ) -> Vrbridge_V1_Measurement {
    .with {
      $0.deviceID = device
      $0.capturedNs = linux_monotonic_ns() - 20_000_000
      ($0.px, $0.py, $0.pz, $0.qw) = (position.x, position.y, position.z, 1)
      // The emulated device moves, the measurements do not.
      ($0.sigmaPosition, $0.sigmaOrientation) = (0.3, 0.5)
    }
  }

  private func measure(
    _ client: TestConnection, _ measurements: [Vrbridge_V1_Measurement]
  ) async throws {
    _ = try await client.request(.measure(.with { $0.measurements = measurements }))
  }

  private func refusal(
    _ client: TestConnection, _ measurements: [Vrbridge_V1_Measurement]
  ) async -> Vrbridge_V1_ErrorCode? {
    do {
      try await measure(client, measurements)
      return nil
    } catch BridgeClientError.answered(let reply) { return reply.category } catch { return .unspecified }
  }

  @Test func measuredDeviceHasAPositionForClientsAndInTheSession() async throws {
    let folder = try TestPaths.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    let client = try await bridge.connect()
    var devices: [Vrbridge_V1_Device] = []
    await eventually(within: 10) {
      devices = (try? await bridge.devices()) ?? []
      return devices.count == 3 && devices.allSatisfy { $0.health.reports > 100 }
    }
    let head = try #require(devices.first { $0.role == .head })
    let hand = try #require(devices.first { $0.role == .rightHand })

    // Measured before the recording, so that the session's first snapshot holds the filter's state.
    for _ in 0..<10 {
      try await measure(client, [measurement(head.deviceID)])
      try await Task.sleep(nanoseconds: 20_000_000)
    }
    let path = folder + "/a.mcap"
    try bridge.daemon.recording.start(RecordingPlan(path: path))
    for _ in 0..<40 {
      try await measure(
        client, [measurement(head.deviceID), measurement(hand.deviceID, Vector3(1.2, 1.1, -2.3))])
      try await Task.sleep(nanoseconds: 20_000_000)
    }
    var pose = Vrbridge_V1_Pose()
    // A position this uncertain expires after a fifth of a second, which may pass before the pose is read.
    let isTracked = try await eventually {
      try await measure(client, [measurement(head.deviceID)])
      pose = try await newestPose(of: head.deviceID, bridge) ?? pose
      return TrackingFlags(rawValue: pose.flags).contains([.positionValid, .positionTracked])
    }
    #expect(isTracked && !TrackingFlags(rawValue: pose.flags).contains(.positionModelled))
    #expect((Vector3(pose.px, pose.py, pose.pz) - Vector3(1, 1.5, -2)).length < 0.5, "\(pose)")
    let status = try await onThread { bridge.daemon.recording.stop() }
    #expect(status.failure == nil && status.dropped == 0)
    let health = try #require(try await bridge.devices().first { $0.role == .head }).health
    #expect(health.measurements >= 45 && health.measurementDelayMs > 15 && health.measurementDelayMs < 500)
    #expect(health.measurementConsistency.isFinite)

    #expect(await refusal(client, []) == .invalid)
    #expect(await refusal(client, [measurement(head.deviceID), measurement(999)]) == .notFound)
    #expect(await refusal(client, Array(repeating: measurement(head.deviceID), count: 65)) == .invalid)
    for spoil: (inout Vrbridge_V1_Measurement) -> Void in [
      { $0.px = .nan }, { $0.qw = 2 }, { $0.sigmaPosition = -1 }, { $0.py = 1e6 }, { $0.pointX = .infinity },
      { $0.sigmaOrientation = 1e9 },
    ] {
      var spoilt = measurement(head.deviceID)
      spoil(&spoilt)
      #expect(await refusal(client, [spoilt]) == .invalid)
    }
    // A higher rate than any tracker's is refused, for that device alone.
    var spent: Vrbridge_V1_ErrorCode?
    for _ in 0..<20 where spent == nil {
      spent = await refusal(client, Array(repeating: measurement(head.deviceID), count: 60))
    }
    #expect(spent == .tooOften)
    #expect(await refusal(client, [measurement(hand.deviceID)]) == nil)
    await bridge.stop()

    // The session holds the measurements, and gives the same states again.
    var measured: Set<UInt32> = []
    var tracked = 0
    try SessionReader(path: path).read(
      wanted: {
        switch $0 {
        case .state, .events: true
        default: false
        }
      }
    ) { record, _ in
      switch record {
      case .event(let event):
        if case .placeMeasured(let message)? = event.event { measured.insert(message.deviceID) }
      case .state(_, let bytes):
        if SessionReader.state(bytes)?.flags.contains(.positionTracked) == true { tracked += 1 }
      default: break
      }
      return .goOn
    }
    #expect(measured == [head.deviceID, hand.deviceID] && tracked > 500)
    let verified = try SessionVerifier(path: path).run()
    #expect(verified.difference == nil && verified.compared > 500 && verified.isComplete, "\(verified)")

    // Played by a bridge and recorded again, the states are the same.
    let again = folder + "/again.mcap"
    let player = try SessionPlayer(path: path, options: SessionPlayer.Options(speed: nil, isPaused: true))
    let replay = try TestBridge(replay: player)
    try replay.daemon.recording.start(RecordingPlan(path: again))
    try await Task.sleep(nanoseconds: 200_000_000)
    player.togglePause()
    await eventually(within: 30) { player.reports == verified.reports }
    await replay.stop()
    let second = try SessionVerifier(path: again).run()
    #expect(second.difference == nil && second.digest == verified.digest, "\(second)")
  }

  private func newestPose(of device: UInt32, _ bridge: TestBridge) async throws -> Vrbridge_V1_Pose? {
    let client = try await bridge.connect()
    try await client.request(
      .subscribe(
        .with {
          $0.streams = [.poses]
          $0.deviceIds = [device]
        }))
    while true {
      if case .poses(let batch) = try await client.receive().message { return batch.poses.last }
    }
  }

  /// Takes every request.
  private struct NoDevices: DeviceControl {
    var statuses: [DeviceStatus] { [] }
    func vibrate(_ request: HapticRequest) throws(DeviceRequestError) {}
    func shine(_ request: LightRequest) throws(DeviceRequestError) {}
    func setRole(_ role: DeviceRole, of device: DeviceID) throws(DeviceRequestError) {}
    func recenter() {}
    func measure(_ measurements: [(device: DeviceID, PoseMeasurement)]) throws(DeviceRequestError) {}
  }

  /// Measuring needs a scope of its own.
  @Test func clientWithoutTheScopeIsRefused() throws {
    let log = Logger(label: "test")
    let recording = RecordingControl(
      loop: try TrackingLoop(notices: EventRing(capacity: 16)), configuration: "",
      recordedLog: RecordedLog(), log: log, devices: { [] })
    var taken = 0
    let handler = RequestHandler(
      page: try PosePage(now: Timestamp(nanoseconds: 0)), devices: NoDevices(), recording: recording,
      speech: SpeechRequests(
        hold: { _ in }, ask: { _, _ in true }, explain: { _, _ in PromptPreview() }, forget: { true }),
      frames: FrameRequests { _, _ in true }, policy: AccessPolicy(), log: log)
    for scopes: Set<Scope> in [[.poses, .controls, .manage], [.measure]] {
      let client = ClientConnection(
        fileDescriptor: -1, token: 1, user: 1, process: 1, rights: Rights(.user(1), scopes: scopes), now: 0)
      client.isGreeted = true
      let frame = ClientFrame.with { $0.measure = .with { $0.measurements = [measurement(1)] } }
      guard case .reply(let answer, _) = handler.answer(frame, client) else { continue }
      if case .error(let error) = answer.message {
        #expect(error.code == .forbidden && error.cause == "scope-missing")
        #expect(error.message.contains("'measure'") && !scopes.contains(.measure))
      } else {
        #expect(scopes.contains(.measure))
        taken += 1
      }
      for request in [
        .shareFrames(Vrbridge_V1_ShareFrames()), .submitFrame(Vrbridge_V1_SubmitFrame()),
      ] as [ClientFrame.OneOf_Message] {
        guard case .reply(let answer, _) = handler.answer(.with { $0.message = request }, client) else {
          Issue.record("no reply")
          continue
        }
        #expect(answer.error.cause == "scope-missing" && answer.error.message.contains("'camera'"))
      }
    }
    #expect(taken == 1)
  }
}
