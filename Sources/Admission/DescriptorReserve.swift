import CLinux
import Glibc
import Synchronization

/// A descriptor that is kept for the moment when the process has no other: it accepts one waiting connection, which gets
/// an answer instead of waiting without end.
public final class DescriptorReserve: Sendable {
  private let descriptor = Mutex<Int32>(DescriptorReserve.open())

  /// Connections refused in one turn, so that other work of the thread goes on.
  private static let batch = 16

  public init() {}

  deinit {
    let last = descriptor.withLock { $0 }
    if last >= 0 { close(last) }
  }

  private static func open() -> Int32 { Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC) }

  /// Raises the soft limit of the process's descriptors to the hard one.
  ///
  /// - Returns: the limit in force; nil when the system does not permit the change.
  @discardableResult
  public static func raiseLimit() -> Int? {
    let limit = linux_raise_descriptor_limit()
    return limit < 0 ? nil : Int(limit)
  }

  /// Whether an error of `accept` means that descriptors or the kernel's memory are used up.
  public static func isExhausted(_ error: Int32) -> Bool {
    [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error)
  }

  /// Accepts waiting connections, sends each an answer and closes it.
  ///
  /// - Parameter listener: a descriptor that does not block.
  /// - Returns: the number of connections that were refused.
  public func refuse(_ listener: Int32, answer: [UInt8]) -> Int {
    descriptor.withLock { descriptor in
      var count = 0
      while count < Self.batch {
        if descriptor >= 0 { close(descriptor) }
        let connection = linux_accept(listener)
        if connection >= 0 {
          Self.refuse(connection: connection, answer: answer)
          count += 1
        }
        // Another thread may have taken the number meanwhile; the next turn tries again.
        descriptor = Self.open()
        guard connection >= 0, descriptor >= 0 else { break }
      }
      return count
    }
  }

  /// Sends an answer as far as the socket takes it at once, and closes the connection.
  private static func refuse(connection: Int32, answer: [UInt8]) {
    _ = send(connection, answer, answer.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
    shutdown(connection, Int32(SHUT_WR))
    // With unread bytes in the socket, closing would reset the connection and lose the answer.
    var bytes = [UInt8](repeating: 0, count: 16_384)
    for _ in 0..<4 where recv(connection, &bytes, bytes.count, Int32(MSG_DONTWAIT)) <= 0 { break }
    close(connection)
  }
}
