public import Foundation
public import Diagnostics
import Glibc

/// Files and folders that only their owner may read: recordings and what is exported from them hold the pictures and
/// the sound of a room, whatever the umask is.
public enum PrivateFile {
  /// Makes a folder with the mode 0700, and the missing ones above it; one that exists keeps its mode.
  public static func createFolder(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  /// Opens a file for writing with the mode 0600; an earlier one is emptied and gets the mode.
  ///
  /// - Throws: `RecordingError` when it can't be opened.
  public static func create(_ path: String) throws(RecordingError) -> FileHandle {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw RecordingError(.unwritable, file: path, problem: String(cString: strerror(errno)))
    }
    var info = stat()
    // A device or a pipe keeps its mode. The mode precedes the content.
    if fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG,
      fchmod(descriptor, 0o600) != 0 || ftruncate(descriptor, 0) != 0
    {
      let code = errno
      close(descriptor)
      throw RecordingError(.unwritable, file: path, problem: String(cString: strerror(code)))
    }
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  /// Writes a whole file with the mode 0600.
  public static func write(_ data: Data, to path: String) throws {
    let file = try create(path)
    try file.write(contentsOf: data)
    try file.close()
  }
}
