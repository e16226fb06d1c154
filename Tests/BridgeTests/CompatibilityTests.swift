import Bridge
import BridgeProtocol
import CLinux
import Foundation
import Glibc
import TestSupport
import Testing

/// Clients and definitions of release 0.1 against this bridge.
@Suite(.serialized)
struct CompatibilityTests {
  static let folder = TestPaths.root + "/Tests/Fixtures/compatibility/0.1"

  static func definitions() throws -> MessageDefinitions {
    try MessageDefinitions(path: folder + "/vrbridge.proto")
  }

  /// Frames of a client of 0.1: length, then a `ClientFrame` with `request_id` (1) and one message of its oneof.
  enum Request {
    /// Hello (2): protocol_version (1) 1007, features (2), client_name (3).
    static let hello = """
      87000000 0801 12820108ef071205706f7365731208636f6e74726f6c731207646576696365731209706f73655f7061676512076861\
      707469637312066c69676874731208726563656e74657212097265636f7264696e67120b616e6e6f746174696f6e73120673706565\
      6368120c6d6561737572656d656e74731a0f6d792d72656e646572657220302e31
      """
    /// ListDevices (6).
    static let listDevices = "04000000 0802 3200"
    /// Subscribe (3): streams (1) poses, controls, devices; device_ids (2) 1; roles (3) left hand; max_rate_hz (4) 90;
    /// queue_policy (5) drop oldest; depth (6) 64.
    static let subscribe = "1c000000 0803 1a180a030102031201011a010221000000000080564028023040"
    /// Unsubscribe (4): subscription_id (1) 1.
    static let unsubscribe = "06000000 0804 22020801"
    /// Subscribe (3): streams (1) annotations, speech; queue_policy (5) latest only.
    static let subscribeAnnotations = "0a000000 0805 1a060a0204052801"
    /// OpenPosePage (5).
    static let openPosePage = "04000000 0806 2a00"
    /// Haptic (7): device_id (1) 1, amplitude (2) 0.5, frequency_hz (3) 160, duration_ns (4) 20,000,000.
    static let haptic = "15000000 0807 3a110801150000003f1d000020432080dac409"
    /// Light (17): device_id (1) 1, red (2) 1, green (3) 0.5.
    static let light = "11000000 0808 8a010c0801150000803f1d0000003f"
    /// SetRole (8): device_id (1) 1, role (2) tracker.
    static let setRole = "08000000 0809 42040801100c"
    /// Recenter (9).
    static let recenter = "04000000 080a 4a00"
    /// Measure (18): one Measurement (1) with device_id (1) 1, captured_ns (2), px (3) 1, py (4) 1.5, pz (5) -2, qw (9) 1,
    /// sigma_position (10) 0.25, sigma_orientation (11) 0.5, point_x (12) 0.125.
    static let measure = """
      49000000 080b 9201440a42080111181716151413121119000000000000f03f21000000000000f83f2900000000000000c0\
      49000000000000f03f550000803e5d0000003f61000000000000c03f
      """
    /// The time in `measure`, to be replaced.
    static let measuredTime: UInt64 = 0x1112_1314_1516_1718
    /// StartRecording (11): path (1), streams (2), duration_s (3) 30, max_bytes (4) and split_bytes (5) 16 MiB,
    /// split_s (6) 30.
    static let startRecording = """
      75000000 080c 5a710a1d2f746d702f7672622d303030303030303030303030302f722e6d63617012077265706f7274731206737461\
      7465731208636f6e74726f6c7312076669677572657312036c6f67120b616e6e6f746174696f6e73190000000000003e402080808008\
      2880808008310000000000003e40
      """
    /// The folder in `startRecording`, to be replaced.
    static let recordingFolder = "/tmp/vrb-0000000000000"
    /// GetRecording (13).
    static let getRecording = "04000000 080d 6a00"
    /// StopRecording (12).
    static let stopRecording = "04000000 080e 6200"
    /// Listen (14): held (1).
    static let listen = "06000000 080f 72020801"
    /// Listen (14).
    static let release = "04000000 0810 7200"
    /// Ask (15): text (1) "what is this?", explain (2).
    static let ask = "15000000 0811 7a110a0d7768617420697320746869733f1001"
    /// ForgetConversation (16).
    static let forgetConversation = "05000000 0812 820100"
    /// Ping (10): payload (1) 2^63 + 5.
    static let ping = "0f000000 0813 520b0885808080808080808001"
  }

  /// Fields of the messages that 0.1 sent in these situations.
  private static let expected: Set<String> = [
    "Welcome.protocol_version", "Welcome.features", "Welcome.scopes", "Welcome.protocol_hash",
    "Welcome.server",
    "DeviceList.devices", "Device.device_id", "Device.family", "Device.name", "Device.role", "Device.origin",
    "Device.connected", "Device.controls", "Device.page_slot", "Device.health", "Device.state",
    "Device.state_since_ns", "Control.path", "Control.kind", "Health.reports", "Health.calibration",
    "Health.clock_residual_us", "Health.drift_at_rest_deg_min", "Health.measurement_delay_ms",
    "Subscribed.subscription_id", "PosePage.size", "PosePage.layout_version", "PoseBatch.subscription_id",
    "PoseBatch.poses", "Pose.device_id", "Pose.role", "Pose.captured_ns", "Pose.received_ns", "Pose.qx",
    "Pose.qy", "Pose.qz", "Pose.qw", "Pose.px", "Pose.py", "Pose.pz", "Pose.wx", "Pose.wy", "Pose.wz",
    "Pose.vx",
    "Pose.vy", "Pose.vz", "Pose.flags", "Pose.sigma_inclination", "Pose.sigma_heading", "Pose.sigma_position",
    "DeviceEvent.kind", "DeviceEvent.device", "DeviceEvent.time_ns", "RecordingStatus.running",
    "RecordingStatus.path", "RecordingStatus.bytes", "RecordingStatus.messages", "RecordingStatus.seconds",
    "RecordingStatus.free_bytes", "RecordingStatus.files", "Prompt.parts", "Prompt.Part.role",
    "Prompt.Part.text",
    "Prompt.tokens", "Pong.payload", "Goodbye.reason",
  ]

  @Test(arguments: [("vrbridge.proto", "BridgeProtocol"), ("session.proto", "SessionLog")])
  func definitionsOnlyGrow(_ name: String, _ target: String) throws {
    let old = try MessageDefinitions(path: Self.folder + "/" + name)
    let new = try MessageDefinitions(path: TestPaths.root + "/Sources/\(target)/Protos/\(name)")
    var compared = 0
    for (message, fields) in old.messages {
      for (number, field) in fields {
        #expect(new.messages[message]?[number] == field, "\(message), field \(number)")
        compared += 1
      }
    }
    for (enumeration, cases) in old.enumerations {
      for (number, name) in cases {
        #expect(new.enumerations[enumeration]?[number] == name, "\(enumeration), case \(number)")
        compared += 1
      }
    }
    #expect(compared == (target == "SessionLog" ? 140 : 312))
  }

  private func replacing(_ pattern: [UInt8], with bytes: [UInt8], in frame: [UInt8]) throws -> [UInt8] {
    let start = try #require(
      frame.indices.first { frame[$0...].starts(with: pattern) }, "the frame lacks the pattern")
    return frame[..<start] + bytes + frame[(start + pattern.count)...]
  }

  @Test func requestsOfAnEarlierClientAreAnswered() async throws {
    let definitions = try Self.definitions()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    try #require(
      try await eventually {
        let devices = try await bridge.devices()
        return devices.count == 3 && devices.allSatisfy { $0.health.reports > 100 }
      })
    let client = try EarlierClient(bridge.socket)
    var seen: Set<String> = []
    /// Sends a frame and returns the message in the field of the reply's oneof.
    func answer(_ frame: [UInt8], _ field: Int) async throws -> WireFields {
      let reply = try await client.exchange(frame)
      try definitions.check(reply, as: "ServerFrame", seen: &seen)
      let fields = try WireFields(reply)
      #expect(fields.values.keys.sorted() == [1, field], "\(fields)")
      return try fields.message(field)
    }
    func answer(_ hexadecimal: String, _ field: Int) async throws -> WireFields {
      try await answer(bytes(hexadecimal), field)
    }
    /// The reply of a device with or without an ability: Done (10), or Error (3) with UNSUPPORTED (8).
    func doneOrUnsupported(_ hexadecimal: String) async throws {
      let reply = try await client.exchange(bytes(hexadecimal))
      try definitions.check(reply, as: "ServerFrame", seen: &seen)
      let fields = try WireFields(reply)
      guard fields.values[10] == nil else { return }
      let error = try fields.message(3)
      #expect(error.integer(1) == 8 && !error.text(2).isEmpty && error.integer(3) == 0, "\(fields)")
    }

    let welcome = try await answer(Request.hello, 2)
    #expect(welcome.integer(1) / 1000 == 1 && welcome.integer(1) >= 1007)
    #expect(welcome.bytes(2).count >= 11 && welcome.bytes(3).count >= 6 && welcome.text(4).count == 64)
    #expect(try await answer(Request.listDevices, 6).messages(1).count == 3)
    #expect(try await answer(Request.subscribe, 4).integer(1) == 1)
    #expect(try await answer(Request.subscribeAnnotations, 4).integer(1) == 2)
    let page = try await answer(Request.openPosePage, 5)
    #expect(page.integer(1) == 1_583_168 && page.integer(2) == 1 && client.passed >= 0)
    try await doneOrUnsupported(Request.haptic)
    try await doneOrUnsupported(Request.light)
    _ = try await answer(Request.setRole, 10)
    _ = try await answer(Request.recenter, 10)
    var kinds: Set<UInt64> = []
    var poses = 0
    // CHANGED and RECENTERED.
    for _ in 0..<5000 where !kinds.isSuperset(of: [3, 4]) || poses < 20 {
      let frame = try await client.event()
      try definitions.check(frame, as: "ServerFrame", seen: &seen)
      let fields = try WireFields(frame)
      for batch in try fields.messages(7) {
        for pose in try batch.messages(2) {
          #expect(pose.integer(1) == 1 || pose.integer(2) == 2)
          poses += 1
        }
      }
      for event in try fields.messages(9) { kinds.insert(event.integer(1)) }
    }

    #expect(kinds.isSuperset(of: [3, 4]) && poses >= 20)

    let now = withUnsafeBytes(of: (linux_monotonic_ns() - 20_000_000).littleEndian) { Array($0) }
    let time = withUnsafeBytes(of: Request.measuredTime.littleEndian) { Array($0) }
    _ = try await answer(replacing(time, with: now, in: bytes(Request.measure)), 10)

    // Of the same length as the folder in the frame.
    let folder = "/tmp/vrb-" + String(UInt64.random(in: 4_738_381_338_321_616_896 ... .max), radix: 36)
    try #require(folder.utf8.count == Request.recordingFolder.utf8.count)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let start = try replacing(
      Array(Request.recordingFolder.utf8), with: Array(folder.utf8), in: bytes(Request.startRecording))
    let started = try await answer(start, 13)
    #expect(started.integer(1) == 1 && started.text(2) == folder + "/r.mcap")
    try await Task.sleep(nanoseconds: 300_000_000)
    _ = try await answer(Request.stopRecording, 13)
    try #require(await eventually { try await answer(Request.getRecording, 13).integer(1) == 0 })
    // The first file of a recording that may be split.
    #expect(FileManager.default.fileExists(atPath: folder + "/r-001.mcap"))

    _ = try await answer(Request.listen, 10)
    _ = try await answer(Request.release, 10)
    let parts = try await answer(Request.ask, 15).messages(1)
    #expect(parts.last?.text(2).contains("what is this?") == true)
    _ = try await answer(Request.forgetConversation, 10)
    #expect(try await answer(Request.ping, 11).integer(1) == 1 << 63 | 5)
    _ = try await answer(Request.unsubscribe, 10)
    await bridge.stop()
    var last: [UInt8] = []
    while let frame = try? await client.event() { last = frame }
    try definitions.check(last, as: "ServerFrame", seen: &seen)
    let missing = Self.expected.subtracting(seen)
    #expect(missing.isEmpty, "\(missing.sorted())")
  }

  /// Reads the page at the offsets of 0.1, and compares a state with the same state from the socket.
  @Test func thePosePageHasTheLayoutOfEarlierReaders() async throws {
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    try #require(try await eventually { try await bridge.devices().count == 3 })
    let client = try EarlierClient(bridge.socket)
    _ = try await client.exchange(bytes(Request.hello))
    _ = try await client.exchange(bytes(Request.openPosePage))
    let devices = try WireFields(await client.exchange(bytes(Request.listDevices))).message(6).messages(1)
    let index = try #require(devices.first { $0.integer(1) == 1 }).integer(11)
    _ = try await client.exchange(bytes(Request.subscribe))
    try #require(client.passed >= 0)
    let size = 64 + 32 * 49_472
    let mapped = try #require(mmap(nil, size, PROT_READ, MAP_SHARED, client.passed, 0))
    try #require(mapped != MAP_FAILED)
    defer { munmap(mapped, size) }
    let page = UnsafeRawBufferPointer(start: mapped, count: size)
    func word(_ offset: Int) -> UInt64 { page.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    func half(_ offset: Int) -> UInt32 { page.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    #expect(word(0) == 0x3145_4741_5042_5256 && half(8) == 1 && half(12) == 32 && half(16) == 49_472)
    #expect(half(20) == 256 && word(24) > 0 && word(24) < UInt64(linux_monotonic_ns()) && half(32) == 0)
    let slot = 64 + Int(index) * 49_472
    #expect(word(slot) != 0 && word(slot) % 2 == 0 && half(slot + 8) == 1 && half(slot + 16) == 2)
    #expect(half(slot + 20) == 1 && page[slot + 24] != 0 && page[slot + 63] == 0)
    try #require(await eventually { word(slot + 64) > 0 && word(slot + 120) != 0 })

    var compared = 0
    for _ in 0..<200 where compared < 10 {
      for batch in try WireFields(await client.event()).messages(7) {
        for pose in try batch.messages(2) where pose.integer(1) == 1 {
          let entries = (0..<256).map { slot + 312 + $0 * 192 }
          guard let entry = entries.first(where: { word($0 + 8) == pose.integer(3) }) else { continue }
          let sequence = word(entry)
          var isEqual = word(entry + 16) == pose.integer(4) && half(entry + 140) == UInt32(pose.integer(18))
          // Orientation, position and velocities.
          for (field, offset) in zip(5...17, stride(from: 24, to: 128, by: 8)) {
            isEqual = isEqual && word(entry + offset) == pose.integer(field)
          }
          for (field, offset) in [(19, 128), (20, 132), (21, 136)] {
            isEqual = isEqual && half(entry + offset) == UInt32(pose.integer(field))
          }
          let position = (entry - slot - 312) / 192
          // An entry that was overwritten meanwhile is no comparison.
          guard word(entry) == sequence, sequence % 2 == 0, word(entry + 8) == pose.integer(3) else {
            continue
          }
          #expect(isEqual, "\(pose)")
          #expect((sequence / 2 - 1) % 256 == UInt64(position) && sequence / 2 <= word(slot + 64))
          #expect(page.loadUnaligned(fromByteOffset: entry + 144, as: Float.self).isFinite)
          compared += 1
        }
      }
    }
    #expect(compared == 10)
    await bridge.stop()
    #expect(half(32) == 1)
  }

  /// A client with the feature gets the size of all slots; `requestsOfAnEarlierClientAreAnswered` has the other one.
  @Test func theSizeOfThePageIsThatOfTheClientsRevision() async throws {
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    let client = try EarlierClient(bridge.socket)
    var (hello, open) = (ClientFrame(), ClientFrame())
    (hello.requestID, open.requestID) = (1, 2)
    hello.hello.protocolVersion = BridgeVersion.current
    hello.hello.features = [BridgeVersion.pageOfAllSlots]
    open.openPosePage = Vrbridge_V1_OpenPosePage()
    var reply = try WireFields([])
    for frame in [hello, open] {
      var bytes: [UInt8] = []
      try Framing.append(frame, to: &bytes)
      reply = try WireFields(await client.exchange(bytes))
    }
    #expect(try reply.message(5).integer(1) == 64 + 128 * 49_472)
    await bridge.stop()
  }

  /// A client in C compiles without a warning against today's headers, and runs when built with those of 0.1.
  @Test(arguments: ["Sources/CVRBridge/include", "Tests/Fixtures/compatibility/0.1/include"])
  func anEarlierClientInCRuns(_ headers: String) async throws {
    let program = try TestPaths.temporaryFolder() + "/client"
    let compiled = try await Program.run(
      "/usr/bin/env",
      [
        "cc", "-Wall", "-Wextra", "-Werror", "-I\(TestPaths.root)/\(headers)", Self.folder + "/client.c",
        "-o",
        program,
      ], within: 60)
    try #require(compiled.code == 0, "\(compiled.errors)")
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    try #require(try await eventually { try await bridge.devices().count == 3 })
    let result = try await Program.run(program, [bridge.socket])
    await bridge.stop()
    #expect(result.code == 0 && result.output.split(separator: "\n").count >= 10, "\(result)")
  }
}
