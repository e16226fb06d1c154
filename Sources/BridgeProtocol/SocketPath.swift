import Glibc

/// Paths of the bridge's socket.
public enum SocketPath {
  /// Returns `$VRBRIDGE_SOCKET`, else the user's runtime directory, else the system's.
  public static func candidates() -> [String] {
    if let explicit = environment("VRBRIDGE_SOCKET") { return [explicit] }
    var paths: [String] = []
    if let directory = environment("XDG_RUNTIME_DIR") { paths.append(directory + "/vrbridge/vrbridge.sock") }
    paths.append("/run/vrbridge/vrbridge.sock")
    return paths
  }

  /// The path at which a bridge listens by default: the first candidate.
  public static var preferred: String { candidates()[0] }

  private static func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }
}
