import Foundation
import Glibc

/// The program or user that holds a port of this machine.
public struct PortOwner: Sendable, Equatable {
  public enum Transport: String, Sendable { case tcp, udp }

  public var user: UInt32
  /// nil where this process may not see which one it is.
  public var process: Int?
  /// Name of the process; empty where it is unknown.
  public var name: String

  /// `python3 (pid 812, user ada)`, or `a process of user root`.
  public var text: String {
    let user = Self.userName(user)
    guard let process else { return "a process of user \(user)" }
    return "\(name) (pid \(process), user \(user))"
  }

  /// Finds the owner of a port.
  ///
  /// - Parameter host: name or address that is to be listened on; sockets of other addresses do not count.
  /// - Returns: nil for a port that is free.
  public static func of(_ port: Int, host: String, _ transport: Transport) -> PortOwner? {
    for table in [transport.rawValue, transport.rawValue + "6"] {
      guard let text = try? String(contentsOfFile: "/proc/net/\(table)", encoding: .utf8) else { continue }
      for line in text.split(separator: "\n").dropFirst() {
        guard let entry = Entry(line, transport), entry.port == port, entry.conflicts(with: host) else {
          continue
        }
        let process = process(of: entry.inode)
        return PortOwner(user: entry.user, process: process?.id, name: process?.name ?? "")
      }
    }
    return nil
  }

  /// A line of the kernel's tables of sockets, proc_net_tcp.rst.
  struct Entry {
    var address: [UInt8]
    var port: Int
    var user: UInt32
    var inode: UInt64

    /// - Returns: nil for a socket that is no listener.
    init?(_ line: some StringProtocol, _ transport: Transport) {
      let fields = line.split(separator: " ")
      guard fields.count > 9, transport == .udp || fields[3] == "0A" else { return nil }
      let local = fields[1].split(separator: ":")
      guard local.count == 2, let port = Int(local[1], radix: 16), let user = UInt32(fields[7]),
        let inode = UInt64(fields[9]), [8, 32].contains(local[0].count)
      else { return nil }
      // Words of 32 bits in the order of the processor, each printed as a number.
      var bytes: [UInt8] = []
      var rest = local[0][...]
      while !rest.isEmpty {
        guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
        withUnsafeBytes(of: word) { bytes += $0 }
        rest = rest.dropFirst(8)
      }
      (address, self.port, self.user, self.inode) = (bytes, port, user, inode)
    }

    private static let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

    /// Whether no other socket can listen on an address while this one does.
    func conflicts(with host: String) -> Bool {
      if host == "localhost" { return conflicts(with: "127.0.0.1") || conflicts(with: "::1") }
      guard let wanted = Self.bytes(of: host) else { return true }
      let own = address.starts(with: Self.mapped) ? Array(address.suffix(4)) : address
      // A listener on all addresses of IPv6 takes those of IPv4 too, unless it declined.
      if own.allSatisfy({ $0 == 0 }) { return own.count == wanted.count || own.count == 16 }
      if wanted.allSatisfy({ $0 == 0 }) { return own.count == wanted.count || wanted.count == 16 }
      return own == wanted
    }

    /// The address in network order; nil for a name.
    private static func bytes(of host: String) -> [UInt8]? {
      var four = in_addr()
      if inet_pton(AF_INET, host, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
      var six = in6_addr()
      if inet_pton(AF_INET6, host, &six) == 1 { return withUnsafeBytes(of: six) { Array($0) } }
      return nil
    }
  }

  private static func process(of inode: UInt64) -> (id: Int, name: String)? {
    let wanted = "socket:[\(inode)]"
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    for process in processes.compactMap({ Int($0) }) {
      let folder = "/proc/\(process)/fd"
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      where (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")) == wanted {
        let name = (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)) ?? "?"
        return (process, name.trimmingCharacters(in: .whitespacesAndNewlines))
      }
    }
    return nil
  }

  private static func userName(_ number: UInt32) -> String {
    var buffer = [CChar](repeating: 0, count: 16_384)
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    guard getpwuid_r(number, &entry, &buffer, buffer.count, &found) == 0, found != nil,
      let name = entry.pw_name
    else { return String(number) }
    return String(cString: name)
  }
}

/// Why an address can't be listened on, and the remedy.
public enum ListenProblem {
  /// Returns a clause such as "the port is used by python3 (pid 812, user ada); stop it, or choose another with 'http:
  /// address'".
  ///
  /// - Parameters:
  ///   - code: errno of the attempt.
  ///   - setting: the option or the key of the configuration that chooses the address.
  public static func text(
    _ code: Int32, host: String, port: Int, _ transport: PortOwner.Transport, setting: String
  ) -> String {
    switch code {
    case EADDRINUSE:
      let owner = PortOwner.of(port, host: host, transport)
      return
        "the port is used by \(owner?.text ?? "another program"); stop it, or choose another port with \(setting)"
    case EADDRNOTAVAIL:
      return
        "no interface of this machine has this address; 'ip address' lists them, choose one with \(setting)"
    case EACCES where port < 1024:
      return "ports below 1024 need a privilege; choose a higher one with \(setting)"
    default: return "\(String(cString: strerror(code))); choose another address with \(setting)"
    }
  }
}
