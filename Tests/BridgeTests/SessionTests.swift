import CLinux
import Devices
import Foundation
import MCAP
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing
import Tracking

@testable import Bridge
@testable import BridgeProtocol

/// Recording beside tracking, and replay to the last bit.
@Suite(.serialized)
struct SessionTests {
  /// Records so many seconds of a running bridge.
  private func record(
    _ bridge: TestBridge, to path: String, seconds: Double, while body: () async throws -> Void = {}
  ) async throws -> RecordingStatus {
    let recording = bridge.daemon.recording
    try recording.start(RecordingPlan(path: path))
    try await body()
    try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
    return try await onThread { recording.stop() }
  }

  /// The bytes of every state in a session, in order.
  private func states(_ path: String) throws -> [[UInt8]] {
    var result: [[UInt8]] = []
    try SessionReader(path: path).read(wanted: { if case .state = $0 { true } else { false } }) { record, _ in
      if case .state(_, let bytes) = record { result.append(Array(bytes)) }
      return .goOn
    }
    return result
  }

  @Test func aSessionThatBeganInTheMiddleIsReplayedBitForBit() async throws {
    let folder = try Places.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    // Not from the start: filters, clocks and predictors are under way.
    try await Task.sleep(nanoseconds: 1_500_000_000)
    let path = folder + "/a.mcap"
    let status = try await record(bridge, to: path, seconds: 1.5) {
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
    // What is computed with other settings is different, so the comparison can fail.
    var other = OrientationSettings()
    other.biasWalk *= 3
    #expect(try SessionVerifier(path: path).run(settings: other).difference != nil)

    // Through a bridge that plays it, at the recorded pace and as fast as it goes: what that gives out is recorded again.
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
      // What was recorded of a replay is a session too.
      let verified = try SessionVerifier(path: again).run()
      #expect(verified.difference == nil && verified.compared == UInt64(original.count), "\(verified)")
    }
  }

  @Test func framesAndSoundArePlayedAtTheirMomentsAndCanBeRecordedAgain() async throws {
    let folder = try Places.temporaryFolder()
    let source = try TestBridge { $0.demo = Setting(.always, from: "test") }
    var plan = RecordingPlan(path: folder + "/a.mcap")
    plan.streams.formUnion([.camera, .microphone])
    var lens = CameraModel(
      width: 64, height: 48, focalX: 50, focalY: 51, centerX: 31, centerY: 23,
      distortion: .fisheye(k1: 0.1, k2: 0.02, k3: -0.003, k4: 0.0004))
    lens.headFromCamera = Pose(
      position: Vector3(0.03, 0.01, -0.06), orientation: Quaternion(rotationVector: Vector3(0.1, 0.2, 0.3)))
    try source.daemon.recording.start(plan)
    for index in 0..<10 {
      try await Task.sleep(nanoseconds: 20_000_000)
      let now = Timestamp(nanoseconds: linux_monotonic_ns())
      source.daemon.recording.submit(.lens(lens, camera: "left", at: now))
      source.daemon.recording.submit(
        .image(
          Data([0xff, 0xd8, UInt8(index)]), format: "jpeg", camera: "left",
          captured: now.advanced(byNanoseconds: -5_000_000), received: now))
      source.daemon.recording.submit(
        .audio(
          Data([UInt8(index), 0]), sampleRate: 16_000, channels: 1, microphone: "mic", captured: now,
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
    // Who looks at the frames again knows how they were seen.
    let told = try #require(bridge.daemon.cameras.model(of: "left", width: 128, height: 96))
    #expect(told.focalX == 100 && told.distortion == lens.distortion)
    #expect((told.headFromCamera.position - lens.headFromCamera.position).length < 1e-12)
    #expect(told.headFromCamera.orientation.angle(to: lens.headFromCamera.orientation) < 1e-7)
    await bridge.stop()
    #expect(try side(plan.path) == before)
    // Once in a file, not with each frame.
    for path in [folder + "/a.mcap", plan.path] {
      var lenses = 0
      try SessionReader(path: path).read { record, _ in
        if case .cameraCalibration = record { lenses += 1 }
        return .goOn
      }
      #expect(lenses == 1)
    }
  }

  @Test func aReplayCanBePausedSteppedCutAndRepeated() async throws {
    let folder = try Places.temporaryFolder()
    let source = try TestBridge { $0.demo = Setting(.always, from: "test") }
    // What a device sent before it was ready is recorded, and no step of a replay.
    try #require(
      try await eventually {
        let devices = try await source.devices()
        return devices.count == 3 && devices.allSatisfy { $0.state == .streaming }
      })
    let path = folder + "/a.mcap"
    _ = try await record(source, to: path, seconds: 1)
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
    // A client sees a live bridge: devices, and poses of now that say that they are recorded.
    let client = try await bridge.connect()
    let devices = try await client.request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices
    #expect(!devices.isEmpty && devices.allSatisfy { $0.origin == .recorded })
    _ = try await client.request(.subscribe(.with { $0.streams = [.poses] }))
    player.togglePause()
    var pose: Vrbridge_V1_Pose?
    while pose == nil {
      if case .poses(let batch) = try await client.receive().message { pose = batch.poses.first }
    }
    let seen = try #require(pose)
    #expect(seen.flags & TrackingFlags.recorded.rawValue != 0)
    #expect(abs(linux_monotonic_ns() - seen.capturedNs) < 2_000_000_000)
    #expect(await eventually { player.reports == all })
    await bridge.stop()

    // A part of it, computed from the start: as many reports, and it takes as long as the part.
    let part = try SessionPlayer(path: path, options: SessionPlayer.Options(from: 0.5, to: 0.8))
    let partly = try TestBridge(replay: part)
    try await Task.sleep(nanoseconds: 700_000_000)
    #expect(part.reports > all / 2 && part.reports < all)
    await partly.stop()

    let endless = try SessionPlayer(path: path, options: SessionPlayer.Options(speed: nil, loops: true))
    let looping = try TestBridge(replay: endless)
    #expect(await eventually { endless.reports > 3 * all })
    #expect(endless.failure == nil)
    await looping.stop()
  }

  @Test(.enabled(if: Places.hasCorpus))
  func theRecordedViveIsReplayedBitForBit() async throws {
    let folder = try Places.temporaryFolder()
    let bridge = try TestBridge {
      $0.recorded = Setting(
        [Places.vive("hid-recorder/vive_hmd_imu_wake.hid.gz") + ",speed=max,wait"], from: "test")
    }
    let path = folder + "/vive.mcap"
    _ = try await record(bridge, to: path, seconds: 0) {
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
      Places.python, [Places.root + "/Tests/Python/decode_session.py", path], within: 60)
    #expect(python.code == 0, "\(python.errors)")
  }

  /// A disk that is slow, or that fills up.
  private final class Disk: OutputFile, @unchecked Sendable {
    // Used by the recorder's thread only.
    private let file: DiskFile
    private var room: Int
    private let delay: UInt32
    private var stalls: Int

    init(_ path: String, room: Int = .max, delay: UInt32 = 0, stalls: Int = 0) throws(OutputError) {
      file = try DiskFile(creating: path)
      self.room = room
      self.delay = delay
      self.stalls = stalls
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
      if stalls > 0, bytes.count > 5000 {
        stalls -= 1
        usleep(delay)
      }
      let taken = min(room, bytes.count)
      room -= taken
      try file.write(UnsafeRawBufferPointer(rebasing: bytes[0..<taken]))
      if taken < bytes.count { throw OutputError(file: "disk", operation: "written", code: ENOSPC) }
    }
    func sync() throws(OutputError) { try file.sync() }
    func truncate(to size: UInt64) throws(OutputError) { try file.truncate(to: size) }
    func close() throws(OutputError) { try file.close() }
    func makeSpool() throws(OutputError) -> any SpoolFile { try file.makeSpool() }
  }

  @Test func whatFoundNoRoomIsCountedAndReplayGoesOnBehindIt() async throws {
    let folder = try Places.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    try await Task.sleep(nanoseconds: 300_000_000)
    let recording = bridge.daemon.recording
    var plan = RecordingPlan(path: folder + "/slow.mcap")
    plan.buffer = 1 << 16
    try recording.start(plan) { path throws(OutputError) in try Disk(path, delay: 400_000, stalls: 3) }
    try await Task.sleep(nanoseconds: 2_500_000_000)
    let status = try await onThread { recording.stop() }
    await bridge.stop()
    #expect(status.dropped > 100 && status.failure == nil)
    let result = try SessionVerifier(path: plan.path).run()
    #expect(result.difference == nil && result.lost > 100 && result.compared > 500, "\(result)")
    let summary = try SessionSummary(path: plan.path)
    #expect(summary.lost == result.lost && summary.topics.contains { $0.name == "/log" })
  }

  @Test func aFullDiskStopsTheRecordingAndNothingElse() async throws {
    let folder = try Places.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    let recording = bridge.daemon.recording
    let plan = RecordingPlan(path: folder + "/full.mcap")
    try recording.start(plan) { path throws(OutputError) in try Disk(path, room: 400_000) }
    #expect(await eventually { !recording.status.isRunning })
    let status = recording.status
    #expect(status.failure?.contains("the disk is full") == true, "\(status)")
    // The file is readable up to there, and the bridge goes on and can record again.
    let recovered = folder + "/recovered.mcap"
    let recovery = try SessionRecovery.run(path: plan.path, output: recovered)
    #expect(recovery.messages > 300)
    #expect(try SessionVerifier(path: recovered).run().difference == nil)
    let before = try await bridge.devices().map(\.health.reports)
    #expect(try await record(bridge, to: folder + "/next.mcap", seconds: 0.3).failure == nil)
    #expect(try await bridge.devices().map(\.health.reports)[0] > before[0])
    #expect(throws: RecordingFault.self) { try recording.start(plan) }
    await bridge.stop()
  }

  /// A file that tells how much of it would outlive a loss of power.
  private final class Durable: OutputFile, @unchecked Sendable {
    // The file is the recorder's thread's own.
    private let file: DiskFile
    private var size = 0
    let synced = Atomic<Int>(0)

    init(_ path: String) throws(OutputError) { file = try DiskFile(creating: path) }

    func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
      try file.write(bytes)
      size += bytes.count
    }
    func sync() throws(OutputError) {
      try file.sync()
      synced.store(size, ordering: .sequentiallyConsistent)
    }
    func truncate(to size: UInt64) throws(OutputError) { try file.truncate(to: size) }
    func close() throws(OutputError) { try file.close() }
    func makeSpool() throws(OutputError) -> any SpoolFile { try file.makeSpool() }
  }

  @Test func aLossOfPowerCostsNoMoreThanAQuarterOfASecond() async throws {
    let folder = try Places.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    let recording = bridge.daemon.recording
    let path = folder + "/p.mcap"
    let made = Mutex<Durable?>(nil)
    try recording.start(RecordingPlan(path: path)) { path throws(OutputError) in
      let file = try Durable(path)
      made.withLock { $0 = file }
      return file
    }
    let file = try #require(made.withLock { $0 })
    var cuts: [(size: Int, at: Int64)] = []
    for _ in 0..<40 {
      try await Task.sleep(nanoseconds: UInt64.random(in: 10_000_000...60_000_000))
      cuts.append((file.synced.load(ordering: .sequentiallyConsistent), linux_monotonic_ns()))
    }
    _ = try await onThread { recording.stop() }
    await bridge.stop()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    for (size, time) in cuts.dropFirst(8) {
      var newest: UInt64 = 0
      let input = InputFile(bytes: Array(bytes[0..<size]), name: "cut")
      try SessionReader(input).read(wanted: { if case .report = $0 { true } else { false } }) { _, place in
        newest = max(newest, place.logTime)
        return .goOn
      }
      #expect(Int64(newest) > time - 250_000_000)
      let result = try SessionVerifier(input).run()
      #expect(result.difference == nil && result.states > 10)
    }
  }

  @Test func aDeviceThatGoesAndComesBackIsReplayedWithWhatItLearned() async throws {
    let folder = try Places.temporaryFolder()
    let bridge = try TestBridge()
    let description = try Places.description("htc-vive")
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
    let status = try await record(bridge, to: folder + "/back.mcap", seconds: 0) {
      // Known and away when the recording begins; comes back twice.
      try await play(1000)
      try await play(1200)
    }
    await bridge.stop()
    let result = try SessionVerifier(path: folder + "/back.mcap").run()
    #expect(status.dropped == 0 && result.difference == nil && result.reports == 2200, "\(result)")
  }

  @Test func aSplitRecordingIsWholeInEachOfItsFiles() async throws {
    let folder = try Places.temporaryFolder()
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
      // Nothing is lost between two files.
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

  /// Reports of parts that are not there, and times at both ends of what a number holds.
  @Test func aSessionThatLiesIsPlayedAndExportedWithoutATrap() async throws {
    let folder = try Places.temporaryFolder()
    let source = try TestBridge { $0.demo = Setting(.always, from: "test") }
    _ = try await record(source, to: folder + "/a.mcap", seconds: 0.3)
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
    // The engine itself, with a device that is there and a part that is not.
    let device = try EmulatedDevice(try Places.description("oculus-dk2"), options: EmulatedDevice.Options())
    let pipeline = try #require(
      ReplayEngine.bare(
        ReplayEngine.Opening(
          device: 1, match: device.match, identity: device.identity,
          opened: try PartOpener.open(device.match, recorded: [], descriptor: nil), role: .head)))
    [UInt8](0..<20).withUnsafeBytes {
      #expect(pipeline.process(part: 63, $0, received: Timestamp(nanoseconds: 1)) == nil)
    }
  }

  @Test func damagedSnapshotsAreRefusedAndDoNotTrap() throws {
    let device = try EmulatedDevice(
      try Places.description("htc-vive"), options: EmulatedDevice.Options(motion: .gesturing()))
    let opening = ReplayEngine.Opening(
      device: 1, match: device.match, identity: device.identity,
      opened: try PartOpener.open(device.match, recorded: [], descriptor: nil), role: .head)
    let pipeline = try #require(ReplayEngine.bare(opening))
    let match = device.match
    pipeline.attach(part: match.partIndex, decoder: opening.opened.decoder, record: nil) { learned in
      DeviceTracker(
        calibration: InertialCalibration(), sampleRate: 1000, clock: match.part.clock, origin: .emulated,
        learned: learned)
    }
    var generator = try device.generator()
    func feed(_ count: Int) {
      for _ in 0..<count {
        let step = generator.next()
        for report in step.reports {
          report.withUnsafeBytes {
            _ = pipeline.process(
              part: match.partIndex, $0, received: Timestamp(nanoseconds: Int64((1 + step.time) * 1e9)))
          }
        }
      }
    }
    feed(300)
    var words: ContiguousArray<UInt64> = []
    pipeline.snapshot.bytes.withUnsafeBytes { bytes in
      for place in stride(from: 0, to: bytes.count, by: 8) {
        words.append(bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
      }
    }
    try pipeline.restore(words)
    for length in [0, 1, 100, words.count - 1] {
      #expect(throws: StateArchive.Fault.self) { try pipeline.restore(ContiguousArray(words.prefix(length))) }
    }
    #expect(throws: StateArchive.Fault.self) { try pipeline.restore(words + [0]) }
    var random = SeededRandom(seed: 1)
    for round in 0..<400 {
      var damaged = words
      for _ in 0..<(1 + round % 4) {
        let state = random.next()
        // The history is long; what follows it is short and matters more.
        let place =
          round % 2 == 0 ? damaged.count - 1 - Int(state >> 40) % 1500 : Int(state >> 33) % damaged.count
        damaged[max(0, place)] = round % 3 == 0 ? state : UInt64(bitPattern: Int64(state % 7) - 3)
      }
      try? pipeline.restore(damaged)
      feed(3)
    }
  }
}
