public import Foundation
public import Diagnostics

/// Files and folders that only their owner may read: recordings and what is exported from them hold the pictures and
/// the sound of a room, whatever the umask is.
public enum PrivateFile {
  /// Makes a folder with the mode 0700, and the missing ones above it; one that exists keeps its mode.
  public static func createFolder(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  /// Opens a file for writing with the mode 0600; an earlier one of this user is emptied and gets the mode.
  ///
  /// - Throws: `RecordingError` when it can't be opened or belongs to another user.
  public static func create(_ path: String) throws(RecordingError) -> FileHandle {
    FileHandle(fileDescriptor: try openPrivateFile(path), closeOnDealloc: true)
  }

  /// Writes a whole file with the mode 0600.
  public static func write(_ data: Data, to path: String) throws {
    let file = try create(path)
    try file.write(contentsOf: data)
    try file.close()
  }
}
