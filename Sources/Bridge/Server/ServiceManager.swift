import CLinux
import Foundation
import Glibc

/// Notifies systemd of the service's state: sd_notify(3)'s protocol, a datagram to the socket in NOTIFY_SOCKET.
public struct ServiceManager: Sendable {
  private let path: String?
  /// Seconds between watchdog notifications; nil without a watchdog.
  public let interval: Double?

  public init(environment: [String: String]) {
    path = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
    let isOurs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
    let microseconds = environment["WATCHDOG_USEC"].flatMap { Double($0) }
    interval = isOurs ? microseconds.map { $0 / 2e6 } : nil
  }

  public var isWaitedFor: Bool { path != nil }

  public func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }
  public func alive() { send("WATCHDOG=1") }
  public func stopping() { send("STOPPING=1") }

  /// Sent before the configuration is read again; `ready` follows.
  public func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(linux_monotonic_ns() / 1000)") }

  private func send(_ text: String) {
    guard let path else { return }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    // An abstract name begins with a zero, written as @.
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        let message = Array(text.utf8)
        _ = sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), address, length)
      }
    }
  }
}
