import Admission
import BridgeProtocol
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
    guard path.utf8.count <= SocketPath.maximumLength else {
      throw StartError(
        "socket-path-too-long",
        "the socket's path \(path) has \(path.utf8.count) bytes, but at most \(SocketPath.maximumLength) are possible; choose a shorter one with --socket, or a shorter XDG_RUNTIME_DIR"
      )
    }
    let isOurs = try makeFolder(folder.isEmpty ? "/" : folder)
    let claim: SocketClaim
    do throws(SocketClaimError) { claim = try SocketClaim(path) } catch {
      throw StartError(error.code, "\(error.description); \(Self.remedy(error.cause)) with --socket")
    }
    defer { claim.release() }
    let listener = linux_unix_listen(path, 0o660)
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
      var problem = linux_socket_access(path, 0o660, id)
      // A link in place of the new folder is not followed.
      if problem == 0, isOurs, lchown(folder, uid_t.max, id) != 0 { problem = errno }
      if problem != 0 {
        let reason = errorText(problem)
        Glibc.close(listener)
        unlink(path)
        throw StartError(
          "socket-group-refused",
          "can't give \(path) to the group '\(group)': \(reason); add the bridge's user to it")
      }
    }
    return listener
  }

  private static func remedy(_ cause: SocketClaimError.Cause) -> String {
    switch cause {
    case .notASocket, .foreign: "remove it, or choose another path"
    case .inUse: "stop the bridge that runs there, or choose another path"
    }
  }

  /// - Returns: whether the folder is new.
  private static func makeFolder(_ folder: String) throws(StartError) -> Bool {
    if folder == SocketPath.privateFolder { return try makePrivateFolder(folder) }
    var info = stat()
    if stat(folder, &info) == 0 { return false }
    // The runtime directory above belongs to the system; the bridge adds one level, open to its group.
    guard mkdir(folder, 0o750) == 0 || errno == EEXIST else {
      throw StartError(
        "socket-folder-refused",
        "can't create the folder \(folder): \(errorText(errno)); set XDG_RUNTIME_DIR to a folder of yours, or choose a path with --socket"
      )
    }
    return true
  }

  /// Makes the folder of a user without a runtime directory. Another user may have made it beforehand.
  ///
  /// - Returns: whether the folder is new.
  static func makePrivateFolder(_ folder: String) throws(StartError) -> Bool {
    if mkdir(folder, 0o700) == 0 { return true }
    let reason = errno
    if SocketPath.isPrivate(folder) { return false }
    throw StartError(
      "socket-folder-refused",
      reason == EEXIST
        ? "\(folder) is no folder that only this user can enter, so that other users could take the socket's place; remove it, set XDG_RUNTIME_DIR to a folder of yours, or choose a path with --socket"
        : "can't create the folder \(folder): \(errorText(reason)); set XDG_RUNTIME_DIR to a folder of yours, or choose a path with --socket"
    )
  }
}
