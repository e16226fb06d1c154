import CLinux
import Devices
import Glibc

/// Why the bridge could not start, in one sentence for the person who started it.
public struct StartError: Error, Sendable, CustomStringConvertible {
  public var description: String
  init(_ description: String) { self.description = description }
}

/// The socket in the file system.
struct SocketFile {
  let descriptor: Int32
  /// It was made by systemd, which keeps it while no bridge runs.
  let isPassed: Bool

  /// Listens: on the socket that systemd passed, else on one that is made (mode 0660), with its folder.
  init(path: String, group: String, environment: [String: String]) throws(StartError) {
    if let passed = Self.passed(path: path, environment: environment) {
      descriptor = passed
      isPassed = true
      return
    }
    descriptor = try Self.bind(path: path, group: group)
    isPassed = false
  }

  /// sd_listen_fds(3)'s protocol: descriptors from 3 on are meant for the process that LISTEN_PID names.
  ///
  /// - Returns: the one that listens at the path; nil for none.
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
    var listener = linux_unix_listen(path, 0o660)
    if listener == -EADDRINUSE {
      let probe = linux_unix_connect(path)
      if probe >= 0 {
        Glibc.close(probe)
        throw StartError(
          "another bridge is running on \(path); stop it, or choose another place with --socket")
      }
      // Left behind by a bridge that was killed.
      unlink(path)
      listener = linux_unix_listen(path, 0o660)
    }
    guard listener >= 0 else { throw StartError("can't listen on \(path): \(errorText(listener))") }
    if !group.isEmpty {
      guard let entry = getgrnam(group) else {
        Glibc.close(listener)
        unlink(path)
        throw StartError(
          "the group '\(group)' for the socket does not exist; create it or change 'socket: group'")
      }
      let id = entry.pointee.gr_gid
      if chown(path, uid_t.max, id) != 0 || (isOurs && chown(folder, uid_t.max, id) != 0) {
        let reason = errorText(errno)
        Glibc.close(listener)
        unlink(path)
        throw StartError("can't give \(path) to the group '\(group)': \(reason)")
      }
    }
    return listener
  }

  /// - Returns: whether the folder is new.
  private static func makeFolder(_ folder: String) throws(StartError) -> Bool {
    var info = stat()
    if stat(folder, &info) == 0 { return false }
    // The runtime directory above is the system's; ours is one level, open to the group.
    guard mkdir(folder, 0o750) == 0 || errno == EEXIST else {
      throw StartError(
        "can't make the folder \(folder): \(errorText(errno)); set XDG_RUNTIME_DIR, or choose a place with --socket"
      )
    }
    return true
  }
}

/// The version that packages, `--version` and the protocol's welcome state.
public enum ProductVersion {
  public static let text = "0.1.0"
}
