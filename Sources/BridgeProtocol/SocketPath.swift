import Glibc

/// Paths of the bridge's socket. vrbridge_connection.h has the same rule for programs in C; docs/reference/protocol.md
/// states it.
public enum SocketPath {
  private static let system = "/run/vrbridge/vrbridge.sock"

  /// Bytes of a path at most: `sun_path` of unix(7) without its end.
  public static let maximumLength = 107

  /// The paths at which a client looks for a bridge: `$VRBRIDGE_SOCKET` alone, else the user's socket, then the system's.
  public static func candidates() -> [String] {
    if let explicit = environment("VRBRIDGE_SOCKET") { return [explicit] }
    let folder = userFolder()
    // Other users may make folders in /tmp; a socket in theirs is not the user's bridge.
    if folder == privateFolder, !isPrivate(folder) { return [system] }
    return folder + "/vrbridge.sock" == system ? [system] : [folder + "/vrbridge.sock", system]
  }

  /// The path at which a bridge listens by default.
  public static var preferred: String {
    environment("VRBRIDGE_SOCKET") ?? userFolder() + "/vrbridge.sock"
  }

  /// The folder of the user's socket without a session of systemd-logind, which makes no runtime directory.
  public static var privateFolder: String { "/tmp/vrbridge-\(geteuid())" }

  /// Whether a folder belongs to this user, is no link, and is closed to others.
  public static func isPrivate(_ folder: String) -> Bool {
    guard let info = ownFolder(folder) else { return false }
    return info.st_mode & 0o077 == 0
  }

  /// The reason why a bridge of this user cannot listen at a path; nil where it can, or listens already.
  public static func problem(_ path: String) -> String? {
    guard path.utf8.count <= maximumLength else {
      return "the path \(path) has \(path.utf8.count) bytes, but a socket's has at most \(maximumLength)"
    }
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
      separator: "/")
    var info = stat()
    if folder == privateFolder, lstat(folder, &info) == 0, !isPrivate(folder) {
      return "\(folder) is no folder that only this user can enter"
    }
    if access(path, F_OK) == 0 { return nil }
    var place = folder.isEmpty ? "/" : folder
    // The bridge makes one folder.
    if access(place, F_OK) != 0, errno == ENOENT {
      let parent = place.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      place = parent.count > 1 ? parent.joined(separator: "/") : "/"
    }
    guard access(place, W_OK | X_OK) != 0 else { return nil }
    return "can't write to \(place): \(String(cString: strerror(errno)))"
  }

  /// `$XDG_RUNTIME_DIR/vrbridge`, else `/run/vrbridge` for root, else `/run/user/UID/vrbridge` where the directory belongs
  /// to the user, else the private folder.
  private static func userFolder() -> String {
    if let directory = environment("XDG_RUNTIME_DIR") { return directory + "/vrbridge" }
    let user = geteuid()
    if user == 0 { return "/run/vrbridge" }
    let runtime = "/run/user/\(user)"
    return ownFolder(runtime) == nil ? privateFolder : runtime + "/vrbridge"
  }

  private static func ownFolder(_ path: String) -> stat? {
    var info = stat()
    guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR, info.st_uid == geteuid() else {
      return nil
    }
    return info
  }

  private static func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }
}
