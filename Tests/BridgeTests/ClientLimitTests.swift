import Bridge
import BridgeProtocol
import CLinux
import Foundation
import Glibc
import SwiftProtobuf
import TestSupport
import Testing

/// Limits on the clients of the socket.
@Suite(.serialized)
struct ClientLimitTests {
  private static let canChangeUser =
    getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")

  /// One user cannot lock others out.
  @Test(.enabled(if: canChangeUser, "needs root and setpriv"))
  func connectionsOfOneUserLeaveRoomForOthers() async throws {
    let bridge = try TestBridge { $0.maximumClients = Setting(20) }
    #expect(await eventually { linuxCanConnect(bridge.socket) })
    try #require(chmod(bridge.socket, 0o666) == 0)
    let script = """
      import select, socket, sys, time
      held = []
      for _ in range(30):
          client = socket.socket(socket.AF_UNIX)
          client.connect(sys.argv[1])
          held.append(client)
      refused = 0
      for client in held:
          if select.select([client], [], [], 0.1)[0] and b'too-many-clients' in client.recv(4096): refused += 1
      print(refused, flush=True)
      time.sleep(20)
      """
    let crowd = try Program(
      "/usr/bin/setpriv",
      [
        "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/env", "python3", "-c", script,
        bridge.socket,
      ])
    #expect(await eventually { crowd.output.hasSuffix("\n") }, "\(crowd.errors)")
    // Three quarters of twenty are admitted.
    #expect(crowd.output == "15\n", "\(crowd.output)\(crowd.errors)")
    _ = try await bridge.connect("owner")
    await bridge.stop()
  }

  private func linuxCanConnect(_ path: String) -> Bool {
    let descriptor = linux_unix_connect(path)
    if descriptor >= 0 { close(descriptor) }
    return descriptor >= 0
  }

  /// A client that keeps the bridge waiting for the rest of a frame is dropped.
  @Test func halfAFrameEndsTheConnection() async throws {
    let bridge = try TestBridge()
    #expect(await eventually { linuxCanConnect(bridge.socket) })
    var bytes: [UInt8] = []
    try Framing.append(
      ClientFrame.with { $0.hello = .with { $0.protocolVersion = BridgeVersion.current } }, to: &bytes)
    bytes += [100, 0, 0, 0, 8]
    let (path, hello) = (bridge.socket, bytes)
    let text = try await onThread {
      let descriptor = linux_unix_connect(path)
      defer { close(descriptor) }
      var patience = timeval(tv_sec: 9, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
      _ = send(descriptor, hello, hello.count, Int32(MSG_NOSIGNAL))
      var (all, part) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
      while true {
        let count = recv(descriptor, &part, part.count, 0)
        guard count > 0 else { return String(decoding: all, as: UTF8.self) }
        all += part[0..<count]
      }
    }
    #expect(text.contains("frame-timeout"))
    await bridge.stop()
  }

  /// A client that sent its Hello before it is refused reads the error and the end of the connection.
  @Test func refusalsResetNoConnection() async throws {
    let bridge = try TestBridge { $0.maximumClients = Setting(2) }
    #expect(await eventually { linuxCanConnect(bridge.socket) })
    let held = [try await bridge.connect(), try await bridge.connect()]
    var bytes: [UInt8] = []
    try Framing.append(
      ClientFrame.with { $0.hello = .with { $0.protocolVersion = BridgeVersion.current } }, to: &bytes)
    let (path, hello) = (bridge.socket, bytes)
    let resets = try await onThread {
      var resets = 0
      for _ in 0..<200 {
        let descriptor = linux_unix_connect(path)
        defer { close(descriptor) }
        var patience = timeval(tv_sec: 9, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        _ = send(descriptor, hello, hello.count, Int32(MSG_NOSIGNAL))
        var (all, part) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        var count = 0
        repeat {
          count = recv(descriptor, &part, part.count, 0)
          all += part[0..<max(0, count)]
        } while count > 0
        if count < 0 || !String(decoding: all, as: UTF8.self).contains("too-many-clients") { resets += 1 }
      }
      return resets
    }
    #expect(resets == 0)
    withExtendedLifetime(held) {}
    await bridge.stop()
  }
}
