import Foundation
import Glibc
import TestSupport
import Testing

/// A listener that is configured and can't be opened ends the start of the bridge, whichever it is.
@Suite(.serialized)
struct TakenPortTests {
  /// Holds a port of the loopback, in this process.
  private final class Holder {
    let port: Int
    private let descriptor: Int32

    init(_ kind: __socket_type) throws {
      descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let descriptor = descriptor
      let result = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
        }
      }
      try #require(result == 0)
      if kind == SOCK_STREAM { try #require(listen(descriptor, 1) == 0) }
      port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }
  }

  private enum Listener: String, CaseIterable {
    case http = "http: { address: '127.0.0.1:PORT' }"
    case foxglove = "foxglove: { address: '127.0.0.1:PORT' }"
    case vrpn = "interop: { vrpn: { address: '127.0.0.1:PORT' } }"
    case vrpnDatagrams = "interop: { vrpn: { address: '127.0.0.1:PORT' } } # UDP"
    case trackers = "slimevr: { address: '127.0.0.1', port: PORT }"

    var kind: __socket_type { self == .trackers || self == .vrpnDatagrams ? SOCK_DGRAM : SOCK_STREAM }
  }

  @Test(arguments: Listener.allCases)
  private func aTakenPortEndsTheStartAndNamesTheOwner(_ listener: Listener) async throws {
    let folder = try TestPaths.temporaryFolder()
    let holder = try Holder(listener.kind)
    let file = folder + "/vrbridge/vrbridge.yaml"
    try FileManager.default.createDirectory(
      atPath: folder + "/vrbridge", withIntermediateDirectories: true)
    try listener.rawValue.replacingOccurrences(of: "PORT", with: "\(holder.port)")
      .write(toFile: file, atomically: true, encoding: .utf8)
    let environment = [
      "VRBRIDGE_SOCKET": folder + "/s", "XDG_CONFIG_HOME": folder, "XDG_STATE_HOME": folder,
    ]
    let result = try await Program.run("vrbridge", ["run", "--no-hardware"], environment: environment)
    #expect(result.code == 2, "\(result)")
    #expect(
      result.errors.contains(":\(holder.port)") && result.errors.contains("pid \(getpid())")
        && result.errors.contains("choose another port"), "\(result.errors)")
    // The doctor names the owner too.
    let doctor = try await Program.run("vrbridge", ["doctor"], environment: environment)
    #expect(doctor.code == 1)
    #expect(
      doctor.output.contains("port \(holder.port) (") && doctor.output.contains("pid \(getpid())"),
      "\(doctor.output)")
  }

  @Test func aConfigurationFileThatCannotBeReadIsAnError() async throws {
    let folder = try TestPaths.temporaryFolder()
    try FileManager.default.createDirectory(
      atPath: folder + "/.config/vrbridge", withIntermediateDirectories: true)
    let file = folder + "/.config/vrbridge/vrbridge.yaml"
    func printed(_ environment: [String: String]) async throws -> (
      code: Int32?, output: String, errors: String
    ) {
      try await Program.run(
        "vrbridge", ["run", "--print-config"], environment: ["HOME": folder].merging(environment) { $1 })
    }
    try "log: { level: debug }".write(toFile: file, atomically: true, encoding: .utf8)
    // An empty variable counts as unset.
    let read = try await printed(["XDG_CONFIG_HOME": ""])
    #expect(read.output.contains("level: debug"), "\(read)")
    // The target of the link is on a disk that is not mounted, for example.
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.createSymbolicLink(
      atPath: file, withDestinationPath: folder + "/elsewhere/vrbridge.yaml")
    let dangling = try await printed(["XDG_CONFIG_HOME": folder + "/.config"])
    #expect(dangling.code == 2 && dangling.errors.contains("file-unreadable"), "\(dangling)")
  }
}
