import Cameras
import CLinux
import DeviceEmulation
import Devices
import Foundation
import Glibc
import MCAP
import Sensing
import SessionLog
import Spatial
import StrictYAML
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing
import Tracking
import TrackingPipeline
import SessionTools
import Diagnostics

@testable import Bridge
@testable import BridgeProtocol

/// Sessions recorded by a bridge, and their replay bit for bit.
@Suite(.serialized)
struct SessionTests {
  /// Returns the bytes of every state in a session, in order.
  private func states(_ path: String) throws -> [[UInt8]] {
    var result: [[UInt8]] = []
    try SessionReader(path: path).read(wanted: { if case .state = $0 { true } else { false } }) { record, _ in
      if case .state(_, let bytes) = record { result.append(Array(bytes)) }
      return .goOn
    }
    return result
  }

  @Test func sessionBegunWhileTrackingIsReplayedBitForBit() async throws {
    let folder = try TestPaths.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    // Not from the start, so that filters, clocks and predictors have converged.
    try await Task.sleep(nanoseconds: 1_500_000_000)
    let path = folder + "/a.mcap"
    let status = try await bridge.record(to: path, seconds: 1.5) {
      let client = try await bridge.connect()
      let devices = try await client.request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices
      try await Task.sleep(nanoseconds: 300_000_000)
      _ = try await client.request(.recenter(Vrbridge_V1_Recenter()))
      let hand = try #require(devices.first { $0.role == .rightHand })
      _ = try await client.request(
        .setRole(
          .with {
            $0.deviceID = hand.deviceID
            $0.role = .leftHand
          }))
    }
    #expect(status.failure == nil && status.dropped == 0 && status.messages > 1000 && !status.isRunning)
    await bridge.stop()

    var digests: Set<String> = []
    for _ in 0..<10 {
      let result = try SessionVerifier(path: path).run()
      #expect(result.difference == nil && result.isComplete && result.faults.isEmpty, "\(result)")
      #expect(result.compared == result.states && result.states > 1000)
      digests.insert(result.digest)
    }
    #expect(digests.count == 1)
    // States of other settings differ, so the comparison can fail.
    var other = OrientationSettings()
    other.biasWalk *= 3
    #expect(try SessionVerifier(path: path).run(settings: EstimatorSettings(other)).difference != nil)

    // Played by a bridge, at the recorded speed and as fast as possible, and recorded again.
    let original = try states(path)
    for speed in [1.0, nil] {
      let again = folder + "/again-\(speed ?? 0).mcap"
      let player = try SessionPlayer(path: path, options: SessionPlayer.Options(speed: speed, isPaused: true))
      let replay = try TestBridge(replay: player)
      try replay.daemon.recording.start(RecordingPlan(path: again))
      try await Task.sleep(nanoseconds: 200_000_000)
      player.togglePause()
      await eventually(within: 30) { player.reports == (try? SessionVerifier(path: path).run().reports) }
      await replay.stop()
      #expect(try states(again) == original, "speed \(speed ?? .infinity)")
      // The recording of a replay is a session too.
      let verified = try SessionVerifier(path: again).run()
      #expect(verified.difference == nil && verified.compared == UInt64(original.count), "\(verified)")
    }
  }

  @Test func liveDevicesUseTheConfiguredEstimatorAndTheSessionNamesIt() async throws {
    let path = try TestPaths.temporaryFolder() + "/a.mcap"
    let bridge = try TestBridge {
      $0.demo = Setting(.always, from: "test")
      try? $0.apply(text: "tracking: { estimator: \(ComplementaryFilter.name) }", file: "test.yaml")
    }
    let status = try await bridge.record(to: path, seconds: 1)
    await bridge.stop()
    #expect(status.failure == nil && status.messages > 500)
    let result = try SessionVerifier(path: path).run()
    #expect(result.difference == nil && result.compared > 500, "\(result)")
    #expect(try SessionVerifier(path: path).run(settings: EstimatorSettings()).difference != nil)
    var configuration = Configuration()
    let error = #expect(throws: DocumentError.self) {
      try configuration.apply(text: "tracking: { estimator: kalman }", file: "test.yaml")
    }
    #expect(error?.description.contains(OrientationFilter.name) == true, "\(String(describing: error))")
  }

  @Test func framesAndAudioArePlayedAtTheirTimesAndCanBeRecordedAgain() async throws {
    let folder = try TestPaths.temporaryFolder()
    let source = try TestBridge { $0.demo = Setting(.always, from: "test") }
    var plan = RecordingPlan(path: folder + "/a.mcap")
    plan.streams.formUnion([.camera, .microphone])
    var model = CameraModel(
      width: 64, height: 48, focalX: 50, focalY: 51, centerX: 31, centerY: 23,
      distortion: .fisheye(k1: 0.1, k2: 0.02, k3: -0.003, k4: 0.0004))
    model.headFromCamera = Pose(
      position: Vector3(0.03, 0.01, -0.06), orientation: Quaternion(rotationVector: Vector3(0.1, 0.2, 0.3)))
    try source.daemon.recording.start(plan)
    for index in 0..<10 {
      try await Task.sleep(nanoseconds: 20_000_000)
      let now = Timestamp(nanoseconds: linux_monotonic_ns())
      source.daemon.recording.submit(IntrinsicsRecord(model: model, camera: "left", time: now))
      source.daemon.recording.submit(
        FrameRecord(
          image: Data([0xff, 0xd8, UInt8(index)]), format: "jpeg", camera: "left",
          captured: now.advanced(byNanoseconds: -5_000_000), received: now))
      source.daemon.recording.submit(
        AudioRecord(
          samples: Data([UInt8(index), 0]), sampleRate: 16_000, channels: 1, microphone: "mic", captured: now,
          received: now))
    }
    await source.stop()
    func side(_ path: String) throws -> [String] {
      var found: [String] = []
      try SessionReader(path: path).read { record, place in
        switch record {
        case .image(let camera, let image):
          found.append(
            "\(camera) \(image.timestamp.monotonic.nanoseconds) \(place.logTime) \(Array(image.data))")
        case .audio(let microphone, let block):
          found.append("\(microphone) \(block.timestamp.monotonic.nanoseconds) \(Array(block.data))")
        default: break
        }
        return .goOn
      }
      return found
    }
    let before = try side(plan.path)
    #expect(before.count == 20)
    let player = try SessionPlayer(path: plan.path, options: SessionPlayer.Options(isPaused: true))
    let bridge = try TestBridge(replay: player)
    plan.path = folder + "/b.mcap"
    try bridge.daemon.recording.start(plan)
    try await Task.sleep(nanoseconds: 100_000_000)
    let begin = linux_monotonic_ns()
    player.togglePause()
    let all = try SessionVerifier(path: folder + "/a.mcap").run().reports
    #expect(await eventually { player.reports == all })
    // In real time: ten frames, 20 ms apart.
    #expect(linux_monotonic_ns() - begin > 150_000_000)
    // The replay restores the camera's model.
    let replayed = try #require(bridge.daemon.cameras.model(of: "left", width: 128, height: 96))
    #expect(replayed.focalX == 100 && replayed.distortion == model.distortion)
    #expect((replayed.headFromCamera.position - model.headFromCamera.position).length < 1e-12)
    #expect(replayed.headFromCamera.orientation.angle(to: model.headFromCamera.orientation) < 1e-7)
    // Frames may follow the last report.
    let again = plan.path
    await eventually { (try? side(again).count) == before.count }
    await bridge.stop()
    #expect(try side(again) == before)
    // Once in a file, not with each frame.
    for path in [folder + "/a.mcap", plan.path] {
      var models = 0
      try SessionReader(path: path).read { record, _ in
        if case .cameraCalibration = record { models += 1 }
        return .goOn
      }
      #expect(models == 1)
    }
  }

  @Test func replayPausesStepsSkipsAndRepeats() async throws {
    let folder = try TestPaths.temporaryFolder()
    let source = try TestBridge { $0.demo = Setting(.always, from: "test") }
    // Reports from before a device was ready are recorded, and are no step of a replay.
    try #require(
      try await eventually {
        let devices = try await source.devices()
        return devices.count == 3 && devices.allSatisfy { $0.state == .streaming }
      })
    let path = folder + "/a.mcap"
    _ = try await source.record(to: path, seconds: 1)
    await source.stop()
    let all = try SessionVerifier(path: path).run().reports

    let player = try SessionPlayer(path: path, options: SessionPlayer.Options(speed: nil, isPaused: true))
    let bridge = try TestBridge(replay: player)
    try await Task.sleep(nanoseconds: 300_000_000)
    #expect(player.reports == 0)
    for count in 1...3 {
      player.step()
      #expect(await eventually { player.reports == count }, "\(player.reports) \(player.failure ?? "")")
    }
    // Clients receive devices and current poses, marked as recorded.
    let client = try await bridge.connect()
    let devices = try await client.request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices
    #expect(!devices.isEmpty && devices.allSatisfy { $0.origin == .recorded })
    _ = try await client.request(.subscribe(.with { $0.streams = [.poses] }))
    player.togglePause()
    var pose: Vrbridge_V1_Pose?
    while pose == nil {
      if case .poses(let batch) = try await client.receive().message { pose = batch.poses.first }
    }
    let received = try #require(pose)
    #expect(received.flags & TrackingFlags.recorded.rawValue != 0)
    #expect(abs(linux_monotonic_ns() - received.capturedNs) < 2_000_000_000)
    #expect(await eventually { player.reports == all })
    await bridge.stop()

    // A section, computed from the start of the session; playing it takes as long as the section.
    let part = try SessionPlayer(path: path, options: SessionPlayer.Options(from: 0.5, to: 0.8))
    let partly = try TestBridge(replay: part)
    try await Task.sleep(nanoseconds: 700_000_000)
    #expect(part.reports > all / 6 && part.reports < all / 2)
    await partly.stop()

    let endless = try SessionPlayer(path: path, options: SessionPlayer.Options(speed: nil, loops: true))
    let looping = try TestBridge(replay: endless)
    #expect(await eventually { endless.reports > 3 * all })
    #expect(endless.failure == nil)
    await looping.stop()
  }

  @Test(.enabled(if: TestPaths.hasCorpus))
  func viveCaptureIsReplayedBitForBit() async throws {
    let folder = try TestPaths.temporaryFolder()
    let bridge = try TestBridge {
      $0.recorded = Setting(
        [TestPaths.vive("hid-recorder/vive_hmd_imu_wake.hid.gz") + ",speed=max,wait"], from: "test")
    }
    let path = folder + "/vive.mcap"
    _ = try await bridge.record(to: path, seconds: 0) {
      let client = try await bridge.connect()
      _ = try await client.request(.subscribe(.with { $0.streams = [.devices] }))
      await eventually(within: 30) {
        (try? await bridge.devices().first.map { !$0.connected && $0.health.reports > 7000 }) ?? false
      }
    }
    await bridge.stop()
    var digests: Set<String> = []
    for _ in 0..<10 {
      let result = try SessionVerifier(path: path).run()
      #expect(
        result.difference == nil && result.states > 7000 && result.compared == result.states, "\(result)")
      digests.insert(result.digest)
    }
    #expect(digests.count == 1)
    let python = try await Program.run(
      TestPaths.python, [TestPaths.root + "/Tests/Python/decode_session.py", path], within: 60)
    #expect(python.code == 0, "\(python.errors)")
  }

  @Test func reconnectedDeviceIsReplayedWithItsLearnedParameters() async throws {
    let folder = try TestPaths.temporaryFolder()
    let bridge = try TestBridge()
    let description = try TestPaths.description("htc-vive")
    func play(_ reports: Int) async throws {
      let device = try EmulatedDevice(
        description,
        options: EmulatedDevice.Options(motion: .lookingAround(), errors: .consumer(seed: 3), serial: "S"))
      let (reader, writer) = try device.connect()
      bridge.daemon.attach(device.match, reader)
      var generator = try device.generator()
      let start = Timestamp(nanoseconds: 1_000_000_000 + Int64(reports) * 1_000_000_000)
      var sent = 0
      while sent < reports {
        let step = generator.next()
        for report in step.reports {
          _ = writer.send(report, at: start.advanced(bySeconds: step.time))
          sent += 1
        }
      }
      writer.finish()
      await eventually { (try? await bridge.devices().first?.connected) == false }
    }
    try await play(1500)
    let status = try await bridge.record(to: folder + "/back.mcap", seconds: 0) {
      // Disconnected when the recording begins; reconnects twice.
      try await play(1000)
      try await play(1200)
    }
    await bridge.stop()
    let result = try SessionVerifier(path: folder + "/back.mcap").run()
    #expect(status.dropped == 0 && result.difference == nil && result.reports == 2200, "\(result)")
  }

  @Test func eachFileOfASplitRecordingIsComplete() async throws {
    let folder = try TestPaths.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    var plan = RecordingPlan(path: folder + "/s.mcap")
    plan.splitTime = 1
    plan.duration = 2.5
    try bridge.daemon.recording.start(plan)
    #expect(await eventually { !bridge.daemon.recording.status.isRunning })
    await bridge.stop()
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(files.prefix(2) == ["s-001.mcap", "s-002.mcap"] && files.count >= 2)
    var last: UInt64 = 0
    for file in files {
      let result = try SessionVerifier(path: "\(folder)/\(file)").run()
      #expect(result.difference == nil && result.states > 100, "\(file): \(result)")
      // No report is lost between two files.
      var times: [UInt64] = []
      try SessionReader(path: "\(folder)/\(file)").read(
        wanted: { if case .report(1, _, _) = $0 { true } else { false } }
      ) { record, place in
        times.append(place.logTime)
        return .goOn
      }
      if last > 0 { #expect(try #require(times.first) - last < 60_000_000) }
      last = try #require(times.last)
    }
  }

  /// Reports of missing parts, and times at both limits of their type.
  @Test func hostileSessionIsPlayedAndExportedWithoutATrap() async throws {
    let folder = try TestPaths.temporaryFolder()
    let source = try TestBridge { $0.demo = Setting(.always, from: "test") }
    _ = try await source.record(to: folder + "/a.mcap", seconds: 0.3)
    await source.stop()
    let lies: [Int64] = [.max, .min, 0, .min + 1, .max - 1, 1_000_000_000]
    var index = 0
    let copy = try SessionCopy(to: folder + "/lies.mcap", note: "test")
    try copy.run(InputFile(path: folder + "/a.mcap")) { topic, message in
      guard case .report = topic, let report = WireFormat.report(message.data) else { return .keep }
      index += 1
      let lie = SessionReport(
        received: Timestamp(nanoseconds: lies[index % lies.count]),
        captured: Timestamp(nanoseconds: lies[(index + 1) % lies.count]), deviceTicks: .max, data: report.data
      )
      return .replace(
        [UInt8](unsafeUninitializedCapacity: WireFormat.reportLength(report.data.count)) {
          WireFormat.write(lie, into: UnsafeMutableRawBufferPointer($0))
          $1 = $0.count
        })
    }
    #expect(index > 100)
    let writer = try SessionWriter(DiskFile(creating: folder + "/part.mcap"), information: [:])
    try [UInt8](0..<52).withUnsafeBytes {
      try writer.write(
        SessionReport(received: Timestamp(nanoseconds: 1), data: $0), device: 1, part: 63, name: "x")
    }
    try writer.finish()
    for name in ["lies", "part"] {
      let path = "\(folder)/\(name).mcap"
      #expect(try SessionVerifier(path: path).run().reports > 0)
      for format in SessionExporter.Format.allCases {
        _ = try SessionExporter(path: path).export(format, to: "\(folder)/\(name)-\(format.rawValue)")
        expectPrivate("\(folder)/\(name)-\(format.rawValue)")
      }
      let player = try SessionPlayer(path: path, options: SessionPlayer.Options(speed: nil))
      let bridge = try TestBridge(replay: player)
      #expect(await eventually { player.reports > 0 })
      try await Task.sleep(nanoseconds: 100_000_000)
      await bridge.stop()
      let paced = try SessionPlayer(path: path, options: SessionPlayer.Options(speed: 0.01))
      let slow = try TestBridge(replay: paced)
      try await Task.sleep(nanoseconds: 200_000_000)
      await slow.stop()
    }
    _ = try SessionComparison(folder + "/lies.mcap", folder + "/a.mcap")
  }

  /// Expects that files and folders of an export belong to their owner alone.
  private func expectPrivate(_ folder: String) {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    for path in [folder] + names.map({ folder + "/" + $0 }) {
      var info = stat()
      #expect(stat(path, &info) == 0 && info.st_mode & 0o077 == 0, "\(path)")
    }
  }
}
