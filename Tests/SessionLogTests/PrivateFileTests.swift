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
}
