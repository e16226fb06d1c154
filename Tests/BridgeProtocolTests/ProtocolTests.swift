import CVRBridge
import Foundation
import Sensing
import Spatial
import SwiftProtobuf
import TestSupport
import Testing

@testable import BridgeProtocol

struct ProtocolTests {
  /// SHA-256 of the message definitions and of the page's layout, as `sha256sum` computes it.
  ///
  /// A failure means that the protocol changed: change `BridgeVersion.current` (its major number when existing clients
  /// can't read it) and write the new hash into ProtocolVersion.swift.
  @Test func theProtocolHashMatchesTheDefinition() async throws {
    let root = TestPaths.root + "/Sources/"
    let messages = try String(contentsOfFile: root + "BridgeProtocol/Protos/vrbridge.proto", encoding: .utf8)
    let header = try String(contentsOfFile: root + "CVRBridge/include/vrbridge.h", encoding: .utf8)
    let start = try #require(header.range(of: "/* ---- layout of the pose page"))
    let end = try #require(header.range(of: "/* ---- reading"))
    let path = try TestPaths.temporaryFolder() + "/definition"
    try (messages + header[start.lowerBound..<end.lowerBound]).write(
      toFile: path, atomically: true, encoding: .utf8)
    let result = try await Program.run("/usr/bin/sha256sum", [path])
    #expect(result.output.split(separator: " ").first.map(String.init) == BridgeVersion.protocolHash)
  }

  /// Programs in C and in Swift look for the bridge at the same paths.
  @Test func bothLanguagesHaveTheSameSocketPaths() throws {
    guard getenv("VRBRIDGE_SOCKET") == nil else { return }
    let length = 108
    let paths = withUnsafeTemporaryAllocation(byteCount: 2 * length, alignment: 1) { memory in
      memory.initializeMemory(as: UInt8.self, repeating: 0)
      // The pointee is a tuple of 108 characters.
      let count = vrb_socket_paths(memory.baseAddress.map { UnsafeMutablePointer(OpaquePointer($0)) })
      return (0..<Int(count)).map { row in
        String(decoding: memory[(row * length)..<((row + 1) * length)].prefix { $0 != 0 }, as: UTF8.self)
      }
    }
    #expect(paths == SocketPath.candidates())
  }

  @Test func framesAreCompleteHoweverTheBytesAreSplit() throws {
    var stream: [UInt8] = []
    for index in 0..<50 {
      try Framing.append(
        ClientFrame.with {
          $0.requestID = UInt64(index)
          $0.ping.payload = UInt64(index) << UInt64(index)
        }, to: &stream)
    }
    for step in [1, 2, 3, 7, 64, stream.count] {
      var reader = FrameReader(limit: 1000)
      var found: [UInt64] = []
      for start in stride(from: 0, to: stream.count, by: step) {
        stream[start..<min(start + step, stream.count)].withUnsafeBytes { reader.append($0) }
        while let body = try reader.next() {
          found.append(try ClientFrame(serializedBytes: Array(body)).requestID)
        }
      }
      #expect(found == (0..<50).map { UInt64($0) })
      #expect(reader.pendingBytes == 0)
    }
  }

  @Test func aFrameAboveTheLimitIsAnError() {
    var reader = FrameReader(limit: 100)
    [UInt8]([101, 0, 0, 0]).withUnsafeBytes { reader.append($0) }
    #expect(throws: FrameError(length: 101, limit: 100)) { try reader.next() }
  }

  @Test func aStateIsTheSameAfterEncodingAndDecoding() throws {
    let state = Self.state(1)
    let message = Vrbridge_V1_Pose(state, device: DeviceID(3), role: .leftHand)
    let back = try Vrbridge_V1_Pose(serializedBytes: message.serializedBytes() as [UInt8])
    #expect(back.state.worldFromDevice == state.worldFromDevice)
    #expect(back.state.captured == state.captured && back.state.flags == state.flags)
    #expect(back.role.deviceRole == .leftHand)
  }

  @Test func rolesAndFlagsHaveTheSameNumbersEverywhere() {
    for role in DeviceRole.allCases { #expect(Vrbridge_V1_Role(role).deviceRole == role) }
    #expect(TrackingFlags.lost.rawValue == UInt32(VRB_FLAG_LOST))
    #expect(TrackingFlags.positionModelled.rawValue == UInt32(VRB_FLAG_POSITION_MODELLED))
    #expect(TrackingFlags.predictionCapped.rawValue == UInt32(VRB_FLAG_PREDICTION_CAPPED))
    #expect(TrackingFlags.emulated.rawValue == UInt32(VRB_FLAG_EMULATED))
    #expect(DeviceRole.tracker.rawValue == UInt8(VRB_ROLE_TRACKER))
  }

  static func state(_ millisecond: Int64) -> TrackedState {
    TrackedState(
      captured: Timestamp(nanoseconds: millisecond * 1_000_000),
      received: Timestamp(nanoseconds: millisecond),
      worldFromDevice: Pose(
        position: Vector3(Double(millisecond), 2, 3),
        orientation: Quaternion(angle: Double(millisecond) * 0.001, axis: Vector3(0, 1, 0))),
      angularVelocity: Vector3(0, 1, 0), linearVelocity: Vector3(1000, 0, 0),
      uncertainty: PoseUncertainty(inclination: 0.5, heading: 0.25, position: .nan),
      flags: [.orientationValid, .positionValid])
  }
}

struct PosePageTests {
  private func withClient(_ page: PosePage, _ body: (inout vrb_client) throws -> Void) throws {
    let map = mmap(nil, page.size, PROT_READ, MAP_SHARED, page.fileDescriptor, 0)
    var client = vrb_client()
    client.socket = -1
    client.page = UnsafePointer(map?.bindMemory(to: vrb_page.self, capacity: 1))
    client.page_size = page.size
    defer { munmap(map, page.size) }
    try body(&client)
  }

  @Test func aPublishedStateIsRead() throws {
    let page = try PosePage(now: Timestamp(nanoseconds: 5))
    page.identify(
      slot: 2, device: DeviceID(9), role: .head, origin: .recorded, isConnected: true, name: "Näme")
    for millisecond in 1...400 { page.publish(slot: 2, ProtocolTests.state(Int64(millisecond))) }
    try withClient(page) { client in
      #expect(vrb_find_role(&client, UInt32(VRB_ROLE_HEAD)) == 2)
      #expect(vrb_find_role(&client, UInt32(VRB_ROLE_WAIST)) == -1)
      var pose = vrb_pose()
      #expect(vrb_newest(&client, 2, &pose) == 0)
      #expect(TrackedState(pose).worldFromDevice == ProtocolTests.state(400).worldFromDevice)
      #expect(vrb_newest(&client, 0, &pose) == -ENOENT)
      #expect(vrb_newest(&client, 99, &pose) == -ENOENT)

      // Between two states: interpolated.
      #expect(vrb_at(&client, 2, 300_500_000, &pose) == 0)
      #expect(abs(pose.position.0 - 300.5) < 1e-9)
      #expect(pose.flags & UInt32(VRB_FLAG_INTERPOLATED) != 0)
      let between = TrackedState(pose).worldFromDevice.orientation
      #expect(between.angle(to: Quaternion(angle: 0.3005, axis: Vector3(0, 1, 0))) < 1e-9)
      // Exactly one of them.
      #expect(vrb_at(&client, 2, 300_000_000, &pose) == 0)
      #expect(pose.flags & UInt32(VRB_FLAG_EXACT) != 0 && pose.position.0 == 300)
      // Older than 256 states: gone.
      #expect(vrb_at(&client, 2, 100_000_000, &pose) == -ENOENT)
      // In the future: predicted, at most 100 ms ahead.
      #expect(vrb_at(&client, 2, 420_000_000, &pose) == 0)
      #expect(abs(pose.position.0 - 420) < 1e-9)
      let ahead = TrackedState(pose).worldFromDevice.orientation
      #expect(ahead.angle(to: Quaternion(angle: 0.42, axis: Vector3(0, 1, 0))) < 1e-9)
      #expect(vrb_at(&client, 2, 9_000_000_000, &pose) == 0)
      #expect(pose.flags & UInt32(VRB_FLAG_PREDICTION_CAPPED) != 0 && pose.captured_ns == 500_000_000)
    }
    page.identify(slot: 2, device: DeviceID(9), role: .head, origin: .recorded, isConnected: false, name: "n")
    try withClient(page) { client in
      var pose = vrb_pose()
      #expect(vrb_newest(&client, 2, &pose) == 0)
      #expect(pose.flags & UInt32(VRB_FLAG_LOST) != 0)
    }
  }

  private static func present(_ client: inout vrb_client) -> [Int32] {
    var slots: [Int32] = []
    var slot = vrb_next_slot(&client, -1)
    while slot >= 0, slots.count <= 128 {
      slots.append(slot)
      slot = vrb_next_slot(&client, slot)
    }
    return slots
  }

  /// Revision 1 of the layout has 128 slots; a client finds the connected devices without reading the other slots.
  @Test func thePageHasRoomForAHundredAndTwentyEightDevices() throws {
    let page = try PosePage(now: Timestamp(nanoseconds: 0))
    func identify(_ slot: Int, isConnected: Bool) {
      page.identify(
        slot: slot, device: DeviceID(UInt32(slot) + 1), role: slot == 127 ? .waist : .tracker,
        origin: .hardware, isConnected: isConnected, name: "Device \(slot)")
    }
    #expect(PosePage.slotCount == 128)
    try withClient(page) { client in
      #expect(vrb_slot_count(&client) == 128 && Self.present(&client).isEmpty)
      for slot in [0, 31, 32, 63, 64, 127] { identify(slot, isConnected: true) }
      page.publish(slot: 127, ProtocolTests.state(7))
      // Outside the page: ignored.
      identify(128, isConnected: true)
      page.publish(slot: 128, ProtocolTests.state(7))
      #expect(Self.present(&client) == [0, 31, 32, 63, 64, 127])
      #expect(vrb_find_role(&client, UInt32(VRB_ROLE_WAIST)) == 127)
      var pose = vrb_pose()
      #expect(vrb_newest(&client, 127, &pose) == 0 && pose.captured_ns == 7_000_000)
      #expect(vrb_newest(&client, 128, &pose) == -ENOENT && vrb_newest(&client, 64, &pose) == -ENOENT)
      #expect(page.newest(slot: 127)?.captured.nanoseconds == 7_000_000 && page.newest(slot: 128) == nil)
      #expect(page.state(slot: 127, at: Timestamp(nanoseconds: 7_000_000)) != nil)
      for slot in [31, 64, 127] { identify(slot, isConnected: false) }
      #expect(Self.present(&client) == [0, 32, 63])
      #expect(vrb_find_role(&client, UInt32(VRB_ROLE_WAIST)) == -1)
    }
  }

  /// A client looks only at connected devices: the search for the one device costs the same in the last slot as in the first.
  @Test func absentDevicesCostAClientNothing() throws {
    func cost(_ slot: Int) throws -> Double {
      let page = try PosePage(now: Timestamp(nanoseconds: 0))
      page.identify(
        slot: slot, device: DeviceID(1), role: .head, origin: .hardware, isConnected: true, name: "x")
      var least = Double.infinity
      try withClient(page) { client in
        for _ in 0..<20 {
          let begin = ContinuousClock.now
          for _ in 0..<2000 where vrb_find_role(&client, UInt32(VRB_ROLE_HEAD)) != Int32(slot) {
            Issue.record("the head is not found")
          }
          least = min(least, (ContinuousClock.now - begin) / .seconds(1))
        }
      }
      return least
    }
    let (first, last) = (try cost(0), try cost(127))
    #expect(last < 2 * first, "\(last) s in the last slot, \(first) s in the first")
  }

  /// A page of revision 0 has 32 slots and no list of connected devices.
  @Test func aPageOfTheFirstRevisionIsRead() {
    var page = vrb_page()
    page.slot_count = 32
    page.slots.1.connected = 1
    page.slots.31.connected = 1
    page.slots.31.role = UInt32(VRB_ROLE_HEAD)
    withUnsafePointer(to: &page) { pointer in
      var client = vrb_client()
      client.page = pointer
      client.page_size = MemoryLayout<vrb_page>.size
      #expect(vrb_slot_count(&client) == 32 && Self.present(&client) == [1, 31])
      #expect(vrb_find_role(&client, UInt32(VRB_ROLE_HEAD)) == 31)
      var pose = vrb_pose()
      #expect(vrb_newest(&client, 32, &pose) == -ENOENT)
    }
  }

  /// A file that is shorter than its header states has no slots behind its end.
  @Test func slotsBehindTheEndOfTheFileAreNotRead() throws {
    let page = try PosePage(now: Timestamp(nanoseconds: 0))
    page.identify(
      slot: 100, device: DeviceID(1), role: .head, origin: .hardware, isConnected: true, name: "x")
    try withClient(page) { client in
      #expect(Self.present(&client) == [100])
      client.page_size = MemoryLayout<vrb_page>.size + 2 * MemoryLayout<vrb_slot>.size
      #expect(vrb_slot_count(&client) == 34 && Self.present(&client).isEmpty)
    }
  }

  @Test func noClientCanMapThePageWritable() throws {
    let page = try PosePage(now: Timestamp(nanoseconds: 0))
    let map = mmap(nil, page.size, PROT_READ | PROT_WRITE, MAP_SHARED, page.fileDescriptor, 0)
    #expect(map == MAP_FAILED)
    #expect(ftruncate(page.fileDescriptor, 10) == -1)
  }

  /// A reader beside a writer never reads a torn state: all fields of each state follow from its number.
  @Test func aReaderNeverReadsATornState() async throws {
    let page = try PosePage(now: Timestamp(nanoseconds: 0))
    page.identify(slot: 0, device: DeviceID(1), role: .head, origin: .hardware, isConnected: true, name: "x")
    page.publish(slot: 0, ProtocolTests.state(1))
    let writer = Thread {
      for millisecond in 2...400_000 { page.publish(slot: 0, ProtocolTests.state(Int64(millisecond))) }
    }
    writer.start()
    var torn = 0
    var reads = 0
    try withClient(page) { client in
      var pose = vrb_pose()
      var last: Int64 = 0
      while !writer.isFinished {
        guard vrb_newest(&client, 0, &pose) == 0 else { continue }
        reads += 1
        let millisecond = pose.captured_ns / 1_000_000
        if pose.received_ns != millisecond || pose.position.0 != Double(millisecond) { torn += 1 }
        #expect(pose.captured_ns >= last)
        last = pose.captured_ns
        let asked = (millisecond - 5) * 1_000_000 + 500_000
        if millisecond > 10, vrb_at(&client, 0, asked, &pose) == 0 {
          if abs(pose.position.0 - Double(asked) * 1e-6) > 1e-6 { torn += 1 }
        }
      }
    }
    #expect(torn == 0)
    #expect(reads > 1000)
  }
}
