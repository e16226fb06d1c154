import Foundation
import Glibc

/// Finds the user of the program at the other end of a connection within this machine: the kernel lists every TCP socket
/// with its owner (`/proc/net/tcp`, proc(5)), so that the rules of the local socket hold for a loopback port too.
enum LocalPeer {
  /// Returns the user's number; nil for a connection that the kernel does not list: from another machine or another
  /// network namespace.
  ///
  /// - Parameters:
  ///   - remote: the program's end.
  ///   - local: this process's end.
  static func user(remote: (address: String, port: Int), local: (address: String, port: Int)) -> UInt32? {
    guard let from = Key(remote), let to = Key(local) else { return nil }
    for (file, isSix) in [("/proc/net/tcp", false), ("/proc/net/tcp6", true)] {
      if let user = user(in: table(file), from: from.text(isSix), to: to.text(isSix)) { return user }
    }
    return nil
  }

  /// Reads a whole table. The kernel returns a page at a time, and Foundation takes a short read of a file without a size
  /// for its end.
  private static func table(_ file: String) -> String {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var page = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = read(descriptor, &page, page.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += page.prefix(count)
    }
  }

  /// Returns the user of a connection in the text of the kernel's table.
  static func user(in text: String, from: String?, to: String?) -> UInt32? {
    guard let from, let to else { return nil }
    for line in text.split(separator: "\n").dropFirst() {
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      // sl, local, remote, state, queues, timer, retransmissions, user.
      guard fields.count > 7, fields[1] == from, fields[2] == to else { continue }
      return UInt32(fields[7])
    }
    return nil
  }

  /// An end of a connection as the kernel's table holds it: hexadecimal words of the address in host order.
  struct Key {
    private let bytes: [UInt8]
    private let port: Int

    init?(_ end: (address: String, port: Int)) {
      port = end.port
      var four = in_addr()
      var six = in6_addr()
      if inet_pton(AF_INET, end.address, &four) == 1 {
        bytes = withUnsafeBytes(of: &four) { Array($0) }
      } else if inet_pton(AF_INET6, end.address, &six) == 1 {
        let all = withUnsafeBytes(of: &six) { Array($0) }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        bytes = Array(all.prefix(12)) == mapped ? Array(all.suffix(4)) : all
      } else {
        return nil
      }
    }

    /// Returns the table's text of the end; nil for an address that the table cannot hold.
    func text(_ isSix: Bool) -> String? {
      var all = bytes
      if isSix, all.count == 4 { all = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] + all }
      guard all.count == (isSix ? 16 : 4) else { return nil }
      let words = stride(from: 0, to: all.count, by: 4).map { start in
        all[start..<(start + 4)].withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
      }
      return words.map { String(format: "%08X", $0) }.joined() + String(format: ":%04X", port)
    }
  }
}
