import Admission
import BridgeProtocol
import CLinux
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Bridge

/// Which files at the socket's path a starting bridge replaces.
struct SocketFileTests {
  private func listen(_ path: String) throws(StartError) -> SocketFile {
    try SocketFile(path: path, group: "", environment: [:])
  }

  private func inode(_ path: String) -> ino_t {
    var info = stat()
    return lstat(path, &info) == 0 ? info.st_ino : 0
  }

  /// Expects an error with this code, and the file untouched.
  private func expectRefusal(_ code: String, _ path: String) {
    let before = inode(path)
    #expect { _ = try listen(path) } throws: { ($0 as? StartError)?.code == code }
    #expect(before != 0 && inode(path) == before)
  }

  @Test func aPathThatNoSocketCanHaveIsNamed() throws {
    let folder = try TestPaths.temporaryFolder()
    let long = folder + "/" + String(repeating: "x", count: 108 - folder.utf8.count)
    let error = #expect(throws: StartError.self) { _ = try listen(long + "/s") }
    #expect(error?.code == "socket-path-too-long" && error?.description.contains("--socket") == true)
    // Nothing is left of it.
    #expect(!FileManager.default.fileExists(atPath: long))
  }

  /// A folder in /tmp, where other users may have made one beforehand.
  @Test func aFolderThatOthersCanEnterIsNotUsed() throws {
    let parent = try TestPaths.temporaryFolder()
    let folder = parent + "/private"
    #expect(try SocketFile.makePrivateFolder(folder))
    #expect(SocketPath.isPrivate(folder))
    #expect(try !SocketFile.makePrivateFolder(folder))
    func expectRefusal(_ folder: String) {
      #expect(!SocketPath.isPrivate(folder))
      let error = #expect(throws: StartError.self) { _ = try SocketFile.makePrivateFolder(folder) }
      #expect(error?.code == "socket-folder-refused" && error?.description.contains(folder) == true)
    }
    #expect(symlink(folder, parent + "/link") == 0)
    expectRefusal(parent + "/link")
    for mode: mode_t in [0o750, 0o705, 0o777] {
      chmod(folder, mode)
      expectRefusal(folder)
    }
    #expect(FileManager.default.createFile(atPath: parent + "/file", contents: nil))
    expectRefusal(parent + "/file")
    if geteuid() == 0 {
      chmod(folder, 0o700)
      #expect(chown(folder, 65_534, 65_534) == 0)
      expectRefusal(folder)
    }
    expectRefusal(parent + "/missing/private")
  }

  @Test func aFileThatIsNotASocketIsKept() throws {
    let folder = try TestPaths.temporaryFolder()
    try Data("a thesis".utf8).write(to: URL(fileURLWithPath: folder + "/file"))
    expectRefusal("socket-path-taken", folder + "/file")
    #expect(FileManager.default.contents(atPath: folder + "/file") == Data("a thesis".utf8))
    // A link to an abandoned socket is not the socket.
    close(linux_unix_listen(folder + "/s", 0o600))
    #expect(symlink(folder + "/s", folder + "/link") == 0)
    expectRefusal("socket-path-taken", folder + "/link")
    #expect(inode(folder + "/s") != 0)
  }

  @Test func aSocketThatMayBeAliveIsKept() throws {
    let folder = try TestPaths.temporaryFolder()
    let path = folder + "/s"
    let live = linux_unix_listen(path, 0o000)
    defer { close(live) }
    // For root the connection succeeds, for others it is refused with EACCES.
    expectRefusal("socket-in-use", path)
    // A server that accepts nothing: its queue is full, and a connection that waits would wait for ever.
    chmod(path, 0o600)
    #expect(Glibc.listen(live, 0) == 0)
    var waiting: [Int32] = []
    defer { for descriptor in waiting { close(descriptor) } }
    for _ in 0..<2 {
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
      waiting.append(descriptor)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      _ = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
    }
    expectRefusal("socket-in-use", path)
  }

  @Test(.enabled(if: geteuid() == 0, "needs root, which gives files to others"))
  func anAbandonedSocketOfAnotherUserIsKept() throws {
    let path = try TestPaths.temporaryFolder() + "/s"
    close(linux_unix_listen(path, 0o600))
    #expect(chown(path, 65_533, 65_533) == 0)
    expectRefusal("socket-foreign", path)
  }

  @Test func anAbandonedSocketOfThisUserIsReplaced() throws {
    let path = try TestPaths.temporaryFolder() + "/s"
    close(linux_unix_listen(path, 0o600))
    let ours = try listen(path)
    defer { close(ours.descriptor) }
    let client = linux_unix_connect(path)
    #expect(client >= 0)
    close(client)
  }

  /// A link in place of the socket would give another file away.
  @Test func onlyTheSocketItselfGetsAModeAndAGroup() throws {
    let folder = try TestPaths.temporaryFolder()
    let (file, link) = (folder + "/secret", folder + "/s")
    try Data("mine".utf8).write(to: URL(fileURLWithPath: file))
    chmod(file, 0o600)
    #expect(symlink(file, link) == 0)
    #expect(linux_socket_access(link, 0o666, getegid()) == ENOTSOCK)
    #expect(linux_socket_access(file, 0o666, getegid()) == ENOTSOCK)
    #expect(linux_socket_access(folder + "/none", 0o666, getegid()) == ENOENT)
    var info = stat()
    #expect(stat(file, &info) == 0 && info.st_mode & 0o777 == 0o600)
    let socket = folder + "/socket"
    close(linux_unix_listen(socket, 0o600))
    #expect(linux_socket_access(socket, 0o640, getegid()) == 0)
    #expect(stat(socket, &info) == 0 && info.st_mode & 0o777 == 0o640)
  }

  /// The mode does not depend on the umask, and no other file's mode depends on the creation of a socket.
  @Test func theSocketIsPrivateWhateverTheUmaskIs() throws {
    let folder = try TestPaths.temporaryFolder()
    let earlier = umask(0)
    defer { umask(earlier) }
    var info = stat()
    for mode: mode_t in [0o600, 0o660, 0o666] {
      let path = folder + "/\(mode)"
      close(linux_unix_listen(path, mode))
      #expect(stat(path, &info) == 0 && info.st_mode & 0o777 == mode)
    }
    #expect(umask(0) == 0)
  }

  /// A socket that is bound and does not listen yet looks like an abandoned one.
  @Test func twoServersThatStartAtOnceDoNotShareAPath() async throws {
    let path = try TestPaths.temporaryFolder() + "/s"
    let claim = try SocketClaim(path)
    let starting = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(starting) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(starting, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(result == 0)
    let other = Task.detached { () -> String in
      do throws(StartError) {
        close(try SocketFile(path: path, group: "", environment: [:]).descriptor)
        return "started"
      } catch { return error.code }
    }
    // The other server waits for the claim up to a second; without a claim it has removed the socket by now.
    try await Task.sleep(for: .milliseconds(200))
    #expect(inode(path) != 0)
    #expect(Glibc.listen(starting, 1) == 0)
    claim.release()
    #expect(await other.value == "socket-in-use")
  }
}
