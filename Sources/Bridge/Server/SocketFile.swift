import CLinux
import Devices
import Glibc

/// Why the bridge could not start, in one sentence for the person who started it.
public struct StartError: Error, Sendable, CustomStringConvertible {
  public var description: String
  init(_ description: String) { self.description = description }
}

/// The socket in the file system.
enum SocketFile {
  /// Makes the folder and the socket (mode 0660) and listens.
  static func bind(path: String, group: String) throws(StartError) -> Int32 {
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
