import CLinux
import Devices
import Glibc

/// The socket in the file system.
struct SocketFile {
  let descriptor: Int32
  /// Whether systemd created it; systemd keeps it while no bridge runs.
  let isPassed: Bool

  /// Listens on the socket that systemd passed, else on a new one (mode 0660), whose folder is created.
  init(path: String, group: String, environment: [String: String]) throws(StartError) {
    if let passed = Self.passed(path: path, environment: environment) {
      descriptor = passed
      isPassed = true
      return
    }
    descriptor = try Self.bind(path: path, group: group)
    isPassed = false
  }

  /// Returns the descriptor that systemd passed for the path; nil for none.
  ///
  /// By sd_listen_fds(3), descriptors from 3 on are passed to the process in LISTEN_PID.
  private static func passed(path: String, environment: [String: String]) -> Int32? {
    guard environment["LISTEN_PID"] == String(getpid()),
      let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }), (1...64).contains(count)
    else { return nil }
    for descriptor in 3..<(3 + count) {
      var address = sockaddr_un()
      var length = socklen_t(MemoryLayout<sockaddr_un>.size)
      let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
      }
      guard result == 0, address.sun_family == sa_family_t(AF_UNIX) else { continue }
      let name = withUnsafeBytes(of: address.sun_path) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name == path else { continue }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
      return descriptor
    }
    return nil
  }

  private static func bind(path: String, group: String) throws(StartError) -> Int32 {
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
      separator: "/")
    let isOurs = try makeFolder(folder.isEmpty ? "/" : folder)
    // Between the test of an old socket and its replacement no other bridge may start: a socket that is bound but does
    // not listen yet refuses connections, as an abandoned one does.
    let lock = FolderLock(folder.isEmpty ? "/" : folder)
    defer { withExtendedLifetime(lock) {} }
    var listener = linux_unix_listen(path, 0o660)
    if listener == -EADDRINUSE {
      try checkAbandoned(path)
      unlink(path)
      listener = linux_unix_listen(path, 0o660)
    }
    guard listener >= 0 else {
      throw StartError(
        "socket-not-bound",
        "can't listen on \(path): \(errorText(listener)); choose another path with --socket")
    }
    if !group.isEmpty {
      guard let entry = getgrnam(group) else {
        Glibc.close(listener)
        unlink(path)
        throw StartError(
          "socket-group-unknown",
          "the group '\(group)' for the socket does not exist; create it or change 'socket: group'")
      }
      let id = entry.pointee.gr_gid
      if chown(path, uid_t.max, id) != 0 || (isOurs && chown(folder, uid_t.max, id) != 0) {
        let reason = errorText(errno)
        Glibc.close(listener)
        unlink(path)
        throw StartError(
          "socket-group-refused",
          "can't give \(path) to the group '\(group)': \(reason); add the bridge's user to it")
      }
    }
    return listener
  }

  /// Throws unless the file is a socket of this user on which nobody listens: left behind by a bridge that was killed.
  private static func checkAbandoned(_ path: String) throws(StartError) {
    var info = stat()
    // A file that is gone meanwhile is no obstacle.
    guard lstat(path, &info) == 0 else { return }
    guard info.st_mode & S_IFMT == S_IFSOCK else {
      throw StartError(
        "socket-path-taken",
        "\(path) exists and is not a socket; remove it, or choose another path with --socket")
    }
    guard info.st_uid == geteuid() else {
      throw StartError(
        "socket-foreign",
        "\(path) is a socket of user \(info.st_uid), which this bridge does not replace; remove it, or choose another path with --socket"
      )
    }
    // Every other result, a refused permission or a full queue, may be a bridge that runs.
    guard connectionError(path) == ECONNREFUSED else {
      throw StartError(
        "socket-in-use",
        "another bridge is running on \(path); stop it, or choose another path with --socket")
    }
  }

  /// Connects without waiting, and closes the connection.
  ///
  /// - Returns: errno; 0 when somebody listens.
  private static func connectionError(_ path: String) -> Int32 {
    let probe = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard probe >= 0 else { return errno }
    defer { Glibc.close(probe) }
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

  /// - Returns: whether the folder is new.
  private static func makeFolder(_ folder: String) throws(StartError) -> Bool {
    var info = stat()
    if stat(folder, &info) == 0 { return false }
    // The runtime directory above belongs to the system; the bridge adds one level, open to its group.
    guard mkdir(folder, 0o750) == 0 || errno == EEXIST else {
      throw StartError(
        "socket-folder-refused",
        "can't create the folder \(folder): \(errorText(errno)); set XDG_RUNTIME_DIR, or choose a path with --socket"
      )
    }
    return true
  }
}

/// Exclusive use of a folder among bridges that start, for the life of the value.
private final class FolderLock {
  private let descriptor: Int32

  /// Waits at most a second: other users may hold the lock of a folder that all can read.
  init(_ folder: String) {
    descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    var attempts = 20
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0, attempts > 0 {
      attempts -= 1
      usleep(50_000)
    }
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }
}
