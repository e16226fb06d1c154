import Devices
import Diagnostics
import Foundation
import Glibc
import MCAP
import SessionLog
import TestSupport
import Testing

/// Recordings and exports are their owner's alone.
struct PrivateFileTests {
  private func mode(_ path: String) -> mode_t {
    var info = stat()
    return stat(path, &info) == 0 ? info.st_mode & 0o7777 : 0
  }

  @Test func filesAndFoldersAreReadableByTheirOwnerAlone() throws {
    let base = try TestPaths.temporaryFolder()
    let folder = base + "/a/b"
    try PrivateFile.createFolder(folder)
    #expect(mode(base + "/a") == 0o700 && mode(folder) == 0o700)
    try PrivateFile.write(Data("x".utf8), to: folder + "/image.jpg")
    #expect(mode(folder + "/image.jpg") == 0o600)
    _ = try DiskFile(creating: folder + "/session.mcap")
    #expect(mode(folder + "/session.mcap") == 0o600)
    // An earlier file that all could read holds something else from now on.
    try Data("longer than before".utf8).write(to: URL(fileURLWithPath: folder + "/old"))
    chmod(folder + "/old", 0o666)
    try PrivateFile.write(Data("y".utf8), to: folder + "/old")
    #expect(mode(folder + "/old") == 0o600)
    #expect(FileManager.default.contents(atPath: folder + "/old") == Data("y".utf8))
    // A folder that exists keeps its mode, a device is written.
    chmod(base, 0o750)
    try PrivateFile.createFolder(base)
    #expect(mode(base) == 0o750)
    try PrivateFile.write(Data("z".utf8), to: "/dev/null")
    #expect(mode("/dev/null") & 0o777 == 0o666)
    #expect(throws: (any Error).self) { try PrivateFile.write(Data(), to: folder + "/none/x") }
  }

  private func content(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

  private func expectRefusal(_ path: String, _ remedy: String) {
    func isRefusal(_ error: any Error) -> Bool {
      let error = error as? RecordingError
      return error?.cause == .unwritable && error?.description.contains(remedy) == true
    }
    #expect { try PrivateFile.write(Data("private".utf8), to: path) } throws: { isRefusal($0) }
    #expect { _ = try HIDRecordingWriter(path: path) } throws: { isRefusal($0) }
  }

  /// In a folder that others can write, a link of another user leads to a file of this user or to one that is read.
  @Test func nothingIsWrittenThroughASymbolicLink() throws {
    let folder = try TestPaths.temporaryFolder()
    try Data("thesis".utf8).write(to: URL(fileURLWithPath: folder + "/target"))
    #expect(symlink("target", folder + "/link") == 0 && symlink("new", folder + "/dangling") == 0)
    for link in ["/link", "/dangling"] { expectRefusal(folder + link, "symbolic link") }
    #expect(content(folder + "/target") == Data("thesis".utf8))
    #expect(!FileManager.default.fileExists(atPath: folder + "/new"))
  }

  /// `/dev/stdout` is a link to such a descriptor.
  @Test func aRedirectedOutputIsWritten() throws {
    let folder = try TestPaths.temporaryFolder()
    let file = open(folder + "/out", O_WRONLY | O_CREAT, 0o600)
    defer { close(file) }
    for path in ["/dev/fd/\(file)", "/proc/self/fd/\(file)"] {
      try PrivateFile.write(Data("x".utf8), to: path)
      #expect(content(folder + "/out") == Data("x".utf8))
      let writer = try HIDRecordingWriter(path: path)
      try writer.begin([])
      try writer.finish()
      #expect(content(folder + "/out")?.starts(with: Data("# hid-recorder".utf8)) == true)
    }
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    try PrivateFile.write(Data("y".utf8), to: "/dev/fd/\(ends[1])")
    var byte: UInt8 = 0
    #expect(read(ends[0], &byte, 1) == 1 && byte == UInt8(ascii: "y"))
  }

  @Test(.enabled(if: geteuid() == 0, "needs root, which gives files to others"))
  func aFileOfAnotherUserIsRefused() throws {
    let path = try TestPaths.temporaryFolder() + "/session.csv"
    try Data("before".utf8).write(to: URL(fileURLWithPath: path))
    #expect(chmod(path, 0o666) == 0 && chown(path, 65_533, 65_533) == 0)
    expectRefusal(path, "belongs to user 65533")
    #expect(content(path) == Data("before".utf8) && mode(path) == 0o666)
  }
}
