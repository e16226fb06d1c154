import Glibc

/// The attributes of files that change with their contents, owner or mode.
public struct FileStamp: Sendable {
  public let text: String
  /// The last change, s since 1970.
  private let changed: Double

  public init(_ paths: [String]) {
    var last = 0.0
    text = paths.map { path -> String in
      var info = stat()
      guard stat(path, &info) == 0 else { return "\(errno)" }
      last = max(last, Double(info.st_ctim.tv_sec) + Double(info.st_ctim.tv_nsec) * 1e-9)
      return
        "\(info.st_ctim.tv_sec).\(info.st_ctim.tv_nsec) \(info.st_dev) \(info.st_ino) \(info.st_size) \(info.st_mode) \(info.st_uid)"
    }.joined(separator: " ")
    changed = last
  }

  /// Whether the last change is so long ago that a further one has another time.
  public func isSettled(for time: Double) -> Bool {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9 - changed >= time
  }
}
