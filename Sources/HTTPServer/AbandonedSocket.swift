import Glibc

/// The file of a Unix socket whose server was killed.
enum AbandonedSocket {
  /// Removes a socket of this user on which nobody listens; a path without a file is left alone.
  ///
  /// - Throws: for every other file, which is kept.
  static func remove(_ path: String) throws(HTTPServerError) {
    var info = stat()
    // The attributes of the path itself: a symbolic link is not followed.
    guard lstat(path, &info) == 0 else { return }
    guard info.st_mode & S_IFMT == S_IFSOCK else {
      throw refusal(path, "the file there is no socket; choose another path")
    }
    guard info.st_uid == geteuid() else {
      throw refusal(
        path, "the socket there belongs to user \(info.st_uid); remove it, or choose another path")
    }
    // Every other result, a refused permission or a full queue, may be a server that runs.
    guard connectionError(path) == ECONNREFUSED else {
      throw refusal(path, "another server listens there; stop it, or choose another path")
    }
    unlink(path)
  }

  private static func refusal(_ path: String, _ reason: String) -> HTTPServerError {
    HTTPServerError(.address, "HTTP can't be served at \(path): \(reason)")
  }

  /// Connects without waiting, and closes the connection.
  ///
  /// - Returns: errno; 0 when somebody listens.
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
