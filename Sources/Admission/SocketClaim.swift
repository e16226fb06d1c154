public import Diagnostics
import Glibc

/// The right to create a Unix socket at a path, among servers that start at the same time.
///
/// A socket that is bound but does not listen yet refuses connections, as an abandoned one does. Between the test of an
/// old socket and the call of listen(2) no other server may start, so the folder stays locked until `release`.
public final class SocketClaim: Sendable {
  private let lock: FolderLock

  /// Removes the socket that a killed server of this user left; a path without a file is left alone.
  ///
  /// - Throws: for every other file, which is kept.
  public init(_ path: String) throws(SocketClaimError) {
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
      separator: "/")
    // Where another user holds the lock, the server starts without it.
    lock = FolderLock(folder.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : folder, patience: .seconds(1))
    try Self.removeAbandoned(path)
  }

  /// Lets other servers start in the folder; after listen(2).
  public func release() { lock.release() }

  private static func removeAbandoned(_ path: String) throws(SocketClaimError) {
    var info = stat()
    // The attributes of the path itself: a symbolic link is not followed.
    guard lstat(path, &info) == 0 else { return }
    guard info.st_mode & S_IFMT == S_IFSOCK else {
      throw SocketClaimError(.notASocket, "\(path) exists and is not a socket")
    }
    guard info.st_uid == geteuid() else {
      throw SocketClaimError(.foreign, "\(path) is a socket of user \(info.st_uid)")
    }
    // Every other result, a refused permission or a full queue, may be a server that runs.
    guard connectionError(path) == ECONNREFUSED else {
      throw SocketClaimError(.inUse, "another server listens on \(path)")
    }
    unlink(path)
  }

  /// Connects without waiting, and closes the connection.
  ///
  /// - Returns: errno; 0 when a server listens.
  private static func connectionError(_ path: String) -> Int32 {
    let probe = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard probe >= 0 else { return errno }
    defer { close(probe) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    return result == 0 ? 0 : errno
  }
}

/// A file at the path of a Unix socket is not replaced.
public struct SocketClaimError: CodedError, Sendable {
  public enum Cause: String, Sendable {
    case notASocket = "socket-path-taken"
    case foreign = "socket-foreign"
    case inUse = "socket-in-use"
  }

  public var cause: Cause
  public var description: String
  public var code: String { cause.rawValue }

  init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}
