import Admission
import Authorisation
import BridgeClient
import BridgeProtocol
import CLinux
import Cameras
import Foundation
import Glibc
import Imaging
import Sensing
import Spatial
import SwiftProtobuf
import TestSupport
import Testing

@testable import Bridge

/// Clients that share memory with frames, over the socket.
@Suite(.serialized)
struct SharedFrameRequestTests {
  private static func grey(slots: UInt32 = 2) -> Vrbridge_V1_ShareFrames {
    .with {
      $0.camera = "test"
      $0.format = .grey
      $0.width = 64
      $0.height = 32
      $0.slots = slots
    }
  }

  /// A sealed memory file with its pages; the caller closes it.
  private static func memory(_ size: Int = 2 * 64 * 32, name: String = "client") throws -> Int32 {
    var address: UnsafeMutableRawPointer?
    let descriptor = linux_sealed_memory(name, size, &address)
    try #require(descriptor >= 0)
    let memory = try #require(address)
    memset(memory, 5, size)
    munmap(memory, size)
    return descriptor
  }

  /// Descriptors of a memory file in this process, in which the bridge and its clients run.
  private func descriptors(of name: String) throws -> Int {
    let folder = "/proc/self/fd"
    return try FileManager.default.contentsOfDirectory(atPath: folder).count {
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
      return target?.contains("memfd:\(name)") == true
    }
  }

  private func mappings(of name: String) throws -> Int {
    try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n").count {
      $0.contains("memfd:\(name)")
    }
  }

  private func refusal(
    _ connection: BridgeConnection, _ request: ClientFrame.OneOf_Message, passing descriptor: Int32 = -1
  ) async throws -> String? {
    try await onThread {
      do throws(BridgeClientError) {
        _ = try connection.request(request, passing: descriptor)
        return nil
      } catch { return error.code }
    }
  }

  private func connect(_ bridge: TestBridge) async throws -> BridgeConnection {
    let socket = bridge.socket
    return try await onThread { try BridgeConnection(path: socket, clientName: "test") }
  }

  @Test func sharedFramesReachTheCameras() async throws {
    let bridge = try TestBridge()
    let feed = bridge.daemon.cameras.subscribe()
    let socket = bridge.socket
    var request = Self.grey(slots: 3)
    request.intrinsics = [50, 60, 31.5, 15.5]
    let start = linux_monotonic_ns()
    let description = request
    try await onThread {
      let frames = try SharedFrames(description, path: socket, clientName: "test")
      #expect(frames.frameSize == 64 * 32)
      for value in 1...5 {
        try frames.submit(captured: start + Int64(value), pose: [1, 2, 3, 0, 0, 0, 1]) { memory in
          memory.initializeMemory(as: UInt8.self, repeating: UInt8(value))
        }
      }
    }
    let frame = try #require(await feed.next())
    #expect(
      frame.camera == "client: test" && frame.captured.nanoseconds == start + 5 && frame.format == .grey)
    #expect(frame.worldFromHead?.position.y == 2 && feed.dropped == 4)
    // Read where the client wrote it, which has left meanwhile.
    #expect(try frame.image()[63, 31].red == 5)
    let model = try #require(bridge.daemon.cameras.model(of: frame.camera, width: 64, height: 32))
    #expect(model.focalX == 50 && model.centerY == 15.5)
    await bridge.stop()
  }

  @Test func requestsWithoutUsableMemoryAreRefused() async throws {
    let bridge = try TestBridge()
    let connection = try await connect(bridge)
    let share = ClientFrame.OneOf_Message.shareFrames(Self.grey())
    #expect(try await refusal(connection, share) == "shared-frames-descriptor")
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    #expect(try await refusal(connection, share, passing: ends[0]) == "shared-frames-descriptor")
    for end in ends { close(end) }
    let unsealed = linux_memory_file("client")
    try #require(ftruncate(unsealed, 2 * 64 * 32) == 0)
    #expect(try await refusal(connection, share, passing: unsealed) == "shared-frames-unsealed")
    close(unsealed)
    let small = try Self.memory(100)
    #expect(try await refusal(connection, share, passing: small) == "shared-frames-size")
    close(small)
    let good = try Self.memory()
    for change in [
      { $0.format = .unspecified }, { $0.format = .UNRECOGNIZED(9) }, { $0.width = 0 },
      {
        $0.width = .max; $0.height = .max
      }, { $0.stride = 63 }, { $0.stride = .max }, { $0.slots = 0 },
      { $0.slots = 17 }, { $0.slots = .max }, { $0.slotSize = .max }, { $0.slotSize = 1 },
      {
        $0.format = .nv12; $0.height = 31
      },
      {
        $0.format = .yuyv; $0.width = 63
      },
      { $0.intrinsics = [1, 2, 3] }, { $0.intrinsics = [0, 400, 1, 1] }, { $0.intrinsics = [1, 2, 3, .nan] },
    ] as [(inout Vrbridge_V1_ShareFrames) -> Void] {
      var request = Self.grey()
      change(&request)
      let code = try await refusal(connection, .shareFrames(request), passing: good)
      #expect(["shared-frames-layout", "shared-frames-size", "frame-invalid"].contains(code), "\(request)")
    }
    // The connection and the memory are still good.
    #expect(try await refusal(connection, share, passing: good) == nil)
    close(good)
    await bridge.stop()
  }

  @Test func slotsAndRingsAreChecked() async throws {
    let bridge = try TestBridge()
    let connection = try await connect(bridge)
    let memory = try Self.memory()
    defer { close(memory) }
    func submit(
      _ ring: UInt32, _ slot: UInt32, pose: [Double] = [], captured: Int64 = 0
    ) async throws -> String? {
      try await refusal(
        connection,
        .submitFrame(
          .with {
            $0.ringID = ring; $0.slot = slot; $0.pose = pose; $0.capturedNs = captured
          }))
    }
    #expect(try await submit(1, 0) == "shared-frames-unknown")
    for _ in 0..<4 {
      #expect(try await refusal(connection, .shareFrames(Self.grey()), passing: memory) == nil)
    }
    #expect(
      try await refusal(connection, .shareFrames(Self.grey()), passing: memory) == "shared-frames-rings")
    #expect(try await submit(1, 1) == nil)
    #expect(try await submit(1, 2) == "shared-frames-slot")
    #expect(try await submit(1, .max) == "shared-frames-slot")
    #expect(try await submit(1, 0, pose: [1, 2, 3]) == "frame-invalid")
    #expect(try await submit(1, 0, pose: [1, 2, 3, 0, 0, 0, .infinity]) == "frame-invalid")
    #expect(try await submit(1, 0, pose: [1, 2, 3, 0, 0, 0, 0]) == "frame-invalid")
    #expect(try await submit(1, 0, captured: 5) == "frame-invalid")
    #expect(try await refusal(connection, .releaseFrames(.with { $0.ringID = 2 })) == nil)
    #expect(
      try await refusal(connection, .releaseFrames(.with { $0.ringID = 2 })) == "shared-frames-unknown")
    #expect(try await refusal(connection, .shareFrames(Self.grey()), passing: memory) == nil)
    // Rings belong to their client.
    let other = try await connect(bridge)
    #expect(
      try await refusal(other, .submitFrame(.with { $0.ringID = 1 })) == "shared-frames-unknown")
    await bridge.stop()
  }

  /// Descriptors that no request takes, and memory of clients that have left, do not stay.
  @Test func nothingLeaks() async throws {
    let bridge = try TestBridge()
    let connection = try await connect(bridge)
    let name = "client-leak"
    let memory = try Self.memory(name: name)
    defer { close(memory) }
    // With requests that are refused, and with good ones.
    for index in 0..<1000 {
      #expect(
        try await refusal(connection, .shareFrames(Vrbridge_V1_ShareFrames()), passing: memory) != nil)
      guard index % 10 == 0 else { continue }
      let frame = try await onThread {
        try connection.request(.shareFrames(Self.grey()), passing: memory)
      }
      #expect(
        try await refusal(connection, .releaseFrames(.with { $0.ringID = frame.framesShared.ringID })) == nil)
    }
    #expect(try await eventually { try descriptors(of: name) == 1 && mappings(of: name) == 0 })
    for _ in 0..<20 {
      let other = try await connect(bridge)
      // Of clients that leave.
      for _ in 0..<4 {
        #expect(try await refusal(other, .shareFrames(Self.grey()), passing: memory) == nil)
      }
      // With a request that takes none: the client is dropped.
      _ = try await refusal(other, .ping(.with { $0.payload = 1 }), passing: memory)
    }
    #expect(try await eventually { try mappings(of: name) == 0 && descriptors(of: name) == 1 })
    await bridge.stop()
  }

  /// examples/frames.c, compiled as it says, and the header as C++.
  @Test func theExampleInCSharesFrames() async throws {
    let folder = try TestPaths.temporaryFolder()
    let include = TestPaths.root + "/Sources/CVRBridge/include"
    let compiled = try await Program.run(
      "/bin/sh",
      [
        "-c",
        """
        cc -O2 -Wall -Wextra -Werror -o \(folder)/frames \(TestPaths.root)/examples/frames.c -I\(include) &&
        c++ -std=c++11 -Wall -Wextra -Werror -fsyntax-only -x c++ \(include)/vrbridge_frames.h
        """,
      ], within: 60)
    try #require(compiled.code == 0, "\(compiled.errors)")
    let bridge = try TestBridge()
    let feed = bridge.daemon.cameras.subscribe()
    // Twenty frames, so that each of its six slots is used more than once.
    let run = try await Program.run(
      "/bin/sh",
      [
        "-c",
        """
        { head -c \(20 * 64 * 48) /dev/zero | tr '\\0' '\\200'; sleep 1; } |
          \(folder)/frames 64 32 \(bridge.socket)
        """,
      ])
    try #require(run.code == 0, "\(run.errors)")
    let frame = try #require(await feed.next())
    #expect(frame.camera == "client: pipe" && frame.format == .nv12)
    // The pause lets all frames arrive before the program ends, which does not wait for the bridge.
    #expect(feed.dropped > 0)
    let image = try frame.image()
    #expect(image.width == 64 && image.height == 32 && image[63, 31] == (130, 130, 130))
    await bridge.stop()
    // Without a bridge, and with a size that no frame has, it ends with a reason.
    let gone = try await Program.run(folder + "/frames", ["64", "32", bridge.socket])
    #expect(gone.code == 1 && gone.errors.contains("no bridge"))
  }

  /// The descriptor of a request that fails is closed with it.
  @Test func aRefusedRequestKeepsNoDescriptor() async throws {
    let requests = FrameRequests { _, _ in true }
    var ends: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    defer { for end in ends { close(end) } }
    let name = "client-refused"
    let memory = try Self.memory(name: name)
    #expect(linux_send(ends[1], [0, 0, 0, 0], 4, memory) == 4)
    close(memory)
    let client = ClientConnection(
      fileDescriptor: ends[0], token: 1, user: 1, process: 1,
      rights: Rights(.user(1), scopes: [.camera]), now: 0)
    client.canPassDescriptors = true
    #expect(client.receive().count == 4)
    #expect(try descriptors(of: name) == 1)
    #expect(throws: RequestError.self) {
      try requests.share(.with { $0.intrinsics = [1] }, client)
    }
    #expect(try await eventually { try descriptors(of: name) == 0 })
    #expect(client.takePassed() == nil)
  }
}
