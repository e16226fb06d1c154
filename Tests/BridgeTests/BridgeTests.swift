import Bridge
import BridgeClient
import BridgeProtocol
import CLinux
import DeviceEmulation
import Devices
import Foundation
import Sensing
import Spatial
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@Suite(.serialized)
struct BridgeTests {
  /// A recording of an emulated device.
  static func recording(
    _ family: String, part: String? = nil, seconds: Double, serial: String = "R-1",
    motion: HeadMotion = .lookingAround()
  ) throws -> String {
    let device = try EmulatedDevice(
      try TestPaths.description(family),
      options: EmulatedDevice.Options(
        part: part, motion: motion, errors: .consumer(seed: 3), serial: serial))
    let path = try TestPaths.temporaryFolder() + "/recording.hid.gz"
    let writer = try HIDRecordingWriter(path: path)
    try writer.begin([(device.identity, device.descriptorBytes)])
    for exchange in try device.featureTranscript() { try writer.feature(exchange, interface: 0) }
    var generator = try device.generator()
    while true {
      let step = generator.next()
      guard step.time <= seconds else { break }
      for report in step.reports {
        try writer.report(report, interface: 0, at: Timestamp(nanoseconds: Int64(step.time * 1e9)))
      }
    }
    try writer.finish()
    return path
  }

  private func subscribe(
    _ connection: TestConnection, _ streams: [Vrbridge_V1_Stream] = [.poses], depth: UInt32 = 8_192
  ) async throws {
    _ = try await connection.request(
      .subscribe(
        .with {
          $0.streams = streams
          $0.queuePolicy = .dropOldest
          $0.depth = depth
        }))
  }

  @Test func theDemonstrationHasAHeadAndTwoHandsThatMove() async throws {
    let bridge = try TestBridge { $0.demo = Setting(.always) }
    // Calibrations are read while a device initialises.
    try #require(
      try await eventually {
        let devices = try await bridge.devices()
        return devices.count == 3 && devices.allSatisfy { $0.state == .streaming }
      })
    // The first health check reports no problem.
    #expect(bridge.daemon.problem == nil)
    let devices = try await bridge.devices()
    #expect(Set(devices.map { $0.role.deviceRole }) == [.head, .leftHand, .rightHand])
    for device in devices {
      #expect(device.origin == .emulated)
      #expect(device.health.calibration == "factory")
      #expect(device.connected)
    }
    let connection = try await bridge.connect()
    try await subscribe(connection)
    var counts: [UInt32: Int] = [:]
    while counts.values.min() ?? 0 < 50 || counts.count < 3 {
      for pose in try await connection.receive().poses.poses {
        counts[pose.deviceID, default: 0] += 1
        #expect(TrackingFlags(rawValue: pose.flags).isSuperset(of: [.orientationValid, .emulated]))
      }
    }
    let took = await bridge.stop()
    #expect(took < 1)
    #expect(!FileManager.default.fileExists(atPath: bridge.socket))
  }

  @Test func everyPoseOfARecordingReachesAClientAtAnyPaceWithTheSameBits() async throws {
    let path = try Self.recording("oculus-dk2", seconds: 3)
    var runs: [[Vrbridge_V1_Pose]] = []
    for speed in ["max", "max", "4"] {
      let bridge = try TestBridge { $0.recorded = Setting(["\(path),speed=\(speed),wait"]) }
      try #require(try await eventually { try await bridge.devices().count == 1 })
      let connection = try await bridge.connect()
      try await subscribe(connection, [.poses, .devices])
      var poses: [Vrbridge_V1_Pose] = []
      receiving: while true {
        let frame = try await connection.receive()
        switch frame.message {
        case .poses(let batch):
          #expect(batch.dropped == 0)
          poses += batch.poses
        case .deviceEvent(let event) where event.kind == .lost: break receiving
        default: break
        }
      }
      // The loss is announced separately from the poses: those under way arrive before Goodbye.
      async let stopped = bridge.stop()
      while let frame = try? await connection.receive() { poses += frame.poses.poses }
      _ = await stopped
      runs.append(poses)
    }
    #expect(runs[0].count == 3001)
    let origin = runs.map { $0[0].capturedNs }
    for (index, run) in runs.enumerated() {
      #expect(run.count == runs[0].count)
      for (pose, first) in zip(run, runs[0]) {
        #expect(pose.qx == first.qx && pose.qy == first.qy && pose.qz == first.qz && pose.qw == first.qw)
        // Times are those of the recording, whatever the pace; the clock's origin is the start of the play.
        #expect(abs((pose.capturedNs - origin[index]) - (first.capturedNs - origin[0])) <= 1)
      }
    }
  }

  /// The page has 128 slots: the first devices get them, the others are reported in the log. A client of the first revision
  /// of the page reads the first 32.
  @Test func asManyDevicesAreTrackedAsThePageHasSlots() async throws {
    let path = try Self.recording("oculus-dk2", seconds: 3)
    let bridge = try TestBridge {
      $0.recorded = Setting((0..<140).map { "\(path),speed=0.05,loop,serial=UNIT-\($0)" })
    }
    let connection = try await bridge.connect()
    try await subscribe(connection)
    var seen: Set<UInt32> = []
    let deadline = Date().addingTimeInterval(60)
    while seen.count < PosePage.slotCount, Date() < deadline {
      for pose in try await connection.receive().poses.poses { seen.insert(pose.deviceID) }
    }
    let devices = try await bridge.devices()
    #expect(seen.count == PosePage.slotCount && devices.count == PosePage.slotCount)
    #expect(Set(devices.map(\.serial)).count == devices.count)
    let reader = try PosePageReader(path: bridge.socket)
    #expect(PosePage.slotCount == 128 && reader.connectedSlots == Array(0..<128))
    #expect((0..<128).allSatisfy { reader.newest(slot: $0) != nil } && reader.newest(slot: 128) == nil)
    await bridge.stop()
    #expect(!FileManager.default.fileExists(atPath: bridge.socket))
  }

  @Test func aClientStillReadingLosesNothingAtShutdown() async throws {
    let bridge = try TestBridge { $0.demo = Setting(.always) }
    try #require(try await eventually { try await bridge.devices().count == 3 })
    let connection = try await bridge.connect()
    try await subscribe(connection)
    _ = try await connection.receive()
    async let took = bridge.stop()
    var last: [UInt32: Int64] = [:]
    var goodbye = false
    var largestGap: Int64 = 0
    while let frame = try? await connection.receive() {
      if case .goodbye = frame.message { goodbye = true }
      #expect(frame.poses.dropped == 0)
      for pose in frame.poses.poses where pose.role == .head {
        if let before = last[pose.deviceID] { largestGap = max(largestGap, pose.capturedNs - before) }
        last[pose.deviceID] = pose.capturedNs
      }
    }
    #expect(goodbye)
    #expect(largestGap < 3_000_000)
    let seconds = await took
    #expect(seconds < 1)
  }

  @Test func theCClientAndTheSwiftClientReadTheSamePoses() async throws {
    let path = try Self.recording("htc-vive", part: "imu", seconds: 2)
    let bridge = try TestBridge { $0.recorded = Setting(["\(path),wait"]) }
    try #require(try await eventually { try await bridge.devices().count == 1 })
    let reader = try Program("c-reader", [bridge.socket, "3", "-20"])
    try #require(await eventually { reader.output.contains("\"connected\":1") })
    let page = try PosePageReader(path: bridge.socket)
    let connection = try await bridge.connect()
    try await subscribe(connection, [.poses, .devices])
    var poses: [Int64: Vrbridge_V1_Pose] = [:]
    var seenInPage = 0
    receiving: while true {
      let frame = try await connection.receive()
      for pose in frame.poses.poses { poses[pose.capturedNs] = pose }
      if let state = page.newest(slot: 0) {
        seenInPage += 1
        #expect(state.worldFromDevice.orientation.isFinite)
      }
      if case .deviceEvent(let event) = frame.message, event.kind == .lost { break receiving }
    }
    #expect(seenInPage > 10)
    #expect(await reader.exitCode(within: 10) == 0)
    await bridge.stop()
    while let frame = try? await connection.receive() {
      for pose in frame.poses.poses { poses[pose.capturedNs] = pose }
    }
    var compared = 0
    var interpolated = 0
    for line in reader.lines where line.contains("captured_ns") {
      let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let captured = try #require(object["captured_ns"] as? Int64)
      // Foundation's JSON numbers are off by a last bit now and then; Double(_:) is exact.
      let list = try #require(line.firstMatch(of: #/"orientation":\[([^\]]*)\]/#)).1
      let q = list.split(separator: ",").compactMap { Double($0) }
      if object["how"] as? String == "at" {
        // Requested 20 ms in the past: from the history, and so near a computed state.
        if (object["flags"] as? Int ?? 0) & 32 != 0 { interpolated += 1 }
        continue
      }
      let pose = try #require(poses[captured], "the socket had no pose of that time")
      #expect(q == [pose.qx, pose.qy, pose.qz, pose.qw])
      compared += 1
    }
    #expect(compared > 300)
    #expect(interpolated > 100)
  }

  @Test func aRestartedBridgeIsFoundAgainByBothClients() async throws {
    let first = try TestBridge { $0.demo = Setting(.always) }
    let socket = first.socket
    let connections = Mutex(0)
    let poses = Mutex(0)
    let losses = Mutex(0)
    let client = BridgeClient(path: socket, name: "swift", subscription: BridgeClient.Subscription()) {
      event in
      switch event {
      case .connected: connections.withLock { $0 += 1 }
      case .poses(let list, _): poses.withLock { $0 += list.count }
      case .disconnected: losses.withLock { $0 += 1 }
      default: break
      }
    }
    client.start()
    let reader = try Program("c-reader", [socket, "8"])
    try #require(await eventually { poses.withLock { $0 } > 20 && reader.lines.count > 20 })
    await first.stop()
    try #require(await eventually { losses.withLock { $0 } > 0 && reader.output.contains("\"connected\":0") })
    let before = poses.withLock { $0 }
    let second = try TestBridge(socket: socket) { $0.demo = Setting(.always) }
    try #require(await eventually { connections.withLock { $0 } >= 2 && poses.withLock { $0 } > before + 20 })
    try #require(
      await eventually {
        reader.lines.filter { $0 == "{\"connected\":1}" }.count == 2
          && reader.lines.last?.contains("captured") == true
      })
    // The bridge continues when a reader is killed.
    reader.signal(SIGKILL)
    client.stop()
    #expect(try await second.devices().count == 3)
    await second.stop()
  }

  @Test func aSocketLeftByAKilledBridgeIsReplacedAndALiveOneIsNot() async throws {
    let folder = try TestPaths.temporaryFolder()
    let stale = linux_unix_listen(folder + "/s", 0o600)
    close(stale)
    let bridge = try TestBridge(socket: folder + "/s")
    do {
      _ = try TestBridge(socket: folder + "/s")
      Issue.record("two bridges on one socket")
    } catch {
      #expect("\(error)".contains("stop the bridge that runs there"))
    }
    var info = stat()
    #expect(stat(folder + "/s", &info) == 0 && info.st_mode & 0o777 == 0o660)
    await bridge.stop()
  }

  @Test func rolesAreSwappedAndRecentringIsAnnounced() async throws {
    let bridge = try TestBridge { $0.demo = Setting(.always) }
    try #require(try await eventually { try await bridge.devices().count == 3 })
    let left = try #require(try await bridge.devices().first { $0.role == .leftHand })
    let connection = try await bridge.connect()
    try await subscribe(connection, [.devices])
    _ = try await connection.request(
      .setRole(
        .with {
          $0.deviceID = left.deviceID
          $0.role = .rightHand
        }))
    try #require(
      try await eventually {
        try await bridge.devices().first { $0.deviceID == left.deviceID }?.role == .rightHand
      })
    #expect(Set(try await bridge.devices().map { $0.role.deviceRole }) == [.head, .leftHand, .rightHand])
    var events: [Vrbridge_V1_DeviceEvent] = []
    let (_, before) = try await connection.exchange(.recenter(Vrbridge_V1_Recenter()))
    events += before.map(\.deviceEvent)
    while !events.contains(where: { $0.kind == .recentered }) {
      events.append(try await connection.receive().deviceEvent)
    }
    // Beginning to stream is a change, too: the last event of each device counts.
    let told = Dictionary(
      events.filter { $0.kind == .changed }.map { ($0.device.deviceID, $0.device.role.deviceRole) },
      uniquingKeysWith: { $1 })
    let right = try #require(try await bridge.devices().first { $0.role == .leftHand })
    #expect(told[left.deviceID] == .rightHand && told[right.deviceID] == .leftHand)
    await #expect(throws: BridgeClientError.self) {
      try await connection.request(.setRole(.with { $0.deviceID = 999 }))
    }
    await bridge.stop()
  }

  @Test func controlsReachSubscribersAndHapticsReachTheDevice() async throws {
    let bridge = try TestBridge { $0.demo = Setting(.always) }
    try #require(try await eventually { try await bridge.devices().count == 3 })
    let devices = try await bridge.devices()
    let connection = try await bridge.connect()
    try await subscribe(connection, [.controls])
    var paths: Set<String> = []
    while !paths.isSuperset(of: ["/input/trigger/value", "/input/trackpad/x"]) {
      for change in try await connection.receive().controls.changes {
        let device = try #require(devices.first { $0.deviceID == change.deviceID })
        paths.insert(device.controls[Int(change.control)].path)
        #expect(abs(change.value) <= 1)
      }
    }
    let hand = try #require(devices.first { $0.role == .rightHand })
    #expect(hand.hasHaptics_p)
    let answer = try await connection.request(
      .haptic(
        .with {
          $0.deviceID = hand.deviceID
          $0.amplitude = 0.5
          $0.durationNs = 100_000_000
        }))
    #expect(answer.message == .done(Vrbridge_V1_Done()))
    let head = try #require(devices.first { $0.role == .head })
    await #expect(throws: BridgeClientError.self) {
      try await connection.request(.haptic(.with { $0.deviceID = head.deviceID }))
    }
    await bridge.stop()
  }

  @Test func subscriptionsFilterByRoleAndRate() async throws {
    let bridge = try TestBridge { $0.demo = Setting(.always) }
    try #require(try await eventually { try await bridge.devices().count == 3 })
    let connection = try await bridge.connect()
    _ = try await connection.request(
      .subscribe(
        .with {
          $0.streams = [.poses]
          $0.roles = [.head]
          $0.maxRateHz = 50
        }))
    var times: [Int64] = []
    while times.count < 30 {
      for pose in try await connection.receive().poses.poses {
        #expect(pose.role == .head)
        times.append(pose.capturedNs)
      }
    }
    let mean = Double(times.last! - times.first!) / Double(times.count - 1)  // both exist: 30 were counted
    #expect((19.5e6...21e6).contains(mean), "\(mean)")
    await bridge.stop()
  }
}
