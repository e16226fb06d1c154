import CDynamicLibrary
import COnnxRuntime
import COpenVINO
import Foundation
import Glibc
import Inference
import TestSupport
import Testing

/// Libraries that are opened at run time, with the C library in the role of one of another kind.
struct LoaderTests {
  private struct Table {
    var getpid: (@convention(c) () -> Int32)?
    var missing: UnsafeMutableRawPointer?
  }

  @Test func addressesAreStoredAtTheirOffsets() throws {
    var error = [CChar](repeating: 0, count: 256)
    let handle = try #require(cdynamic_open("libc.so.6", &error, error.count))
    defer { cdynamic_close(handle) }
    var table = Table()
    let status = "getpid".withCString { name in
      var symbol = cdynamic_symbol(name: name, offset: MemoryLayout<Table>.offset(of: \.getpid) ?? 0)
      return cdynamic_resolve(handle, &symbol, 1, &table, "", &error, error.count)
    }
    #expect(status == 0 && table.getpid?() == getpid())
    let failure = "no_such_function".withCString { name in
      var symbol = cdynamic_symbol(name: name, offset: MemoryLayout<Table>.offset(of: \.missing) ?? 0)
      return cdynamic_resolve(handle, &symbol, 1, &table, "install it", &error, error.count)
    }
    #expect(failure == -1 && table.missing == nil)
    #expect(DynamicLibrary.text(error) == "it has no no_such_function: install it")
  }

  @Test func aLibraryOfAnotherKindIsRejectedByTheNameOfAMissingFunction() {
    var error = [CChar](repeating: 0, count: 512)
    #expect(covino_open("libc.so.6", &error, error.count) == nil)
    #expect(DynamicLibrary.text(error).contains("ov_get_openvino_version"))
    #expect(conr_open("libc.so.6", &error, error.count) == nil)
    #expect(DynamicLibrary.text(error).contains("OrtGetApiBase"))
  }

  @Test func aMissingFileIsNamed() {
    var error = [CChar](repeating: 0, count: 512)
    #expect(covino_open("/nonexistent/library.so", &error, error.count) == nil)
    #expect(DynamicLibrary.text(error).contains("/nonexistent/library.so"))
  }

  /// A library that is named without a path is the system's.
  @Test func aNameIsSearchedAndItsFileBelongsToRoot() throws {
    var error = [CChar](repeating: 0, count: 1024)
    #expect(cdynamic_open("libvrbridge-none.so", &error, error.count) == nil)
    #expect(DynamicLibrary.text(error).contains("in none of the system's folders"))
    let folder = try TestPaths.temporaryFolder()
    let file = folder + "/libvrbridge-none.so"
    try FileManager.default.copyItem(atPath: "/usr/bin/true", toPath: file)
    chmod(folder, 0o755)
    if geteuid() == 0 { chown(file, 65_533, 65_533) }
    let earlier = getenv("LD_LIBRARY_PATH").map { String(cString: $0) }
    setenv("LD_LIBRARY_PATH", "relative:\(folder)", 1)
    defer {
      if let earlier { setenv("LD_LIBRARY_PATH", earlier, 1) } else { unsetenv("LD_LIBRARY_PATH") }
    }
    #expect(cdynamic_open("libvrbridge-none.so", &error, error.count) == nil)
    let text = DynamicLibrary.text(error)
    #expect(text.contains("belongs to user") && text.contains("libraries of the system to root"), "\(text)")
    // A file that is no library of this machine is not found.
    try Data("text".utf8).write(to: URL(fileURLWithPath: file))
    #expect(cdynamic_open("libvrbridge-none.so", &error, error.count) == nil)
    #expect(DynamicLibrary.text(error).contains("in none of the system's folders"))
  }

  /// The check of a path; its message is empty where the library may be opened.
  private func refusal(_ file: String) -> String {
    var error = [CChar](repeating: 0, count: 1024)
    var resolved = [CChar](repeating: 0, count: Int(PATH_MAX))
    return cdynamic_check(file, &resolved, &error, error.count) == 0 ? "" : DynamicLibrary.text(error)
  }

  @Test func aLibraryInAFolderOfAllUsersIsNotOpened() throws {
    let file = "/tmp/libopenvino-\(UInt32.random(in: 0...UInt32.max)).so"
    try Data().write(to: URL(fileURLWithPath: file))
    defer { unlink(file) }
    // Before the linker, whose reason would be that the file is too short.
    var error = [CChar](repeating: 0, count: 1024)
    #expect(covino_open(file, &error, error.count) == nil)
    #expect(DynamicLibrary.text(error).contains("the folder /tmp is open to all users; move the library"))
  }

  /// In a folder of its own below /tmp others can neither replace the library nor add one.
  @Test func aFolderOfTheUserBelowAStickyOneIsSafe() throws {
    let folder = try TestPaths.temporaryFolder()
    let file = folder + "/libopenvino_c.so"
    try Data().write(to: URL(fileURLWithPath: file))
    chmod(folder, 0o755)
    chmod(file, 0o644)
    #expect(refusal(file).isEmpty)
    chmod(folder, 0o1777)
    #expect(refusal(file).contains("the folder \(folder) is open to all users"))
  }

  @Test func onlyFilesAndFoldersThatOthersCannotWriteAreOpened() throws {
    let base = try TestPaths.temporaryFolder()
    let folder = base + "/lib"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    defer { try? FileManager.default.removeItem(atPath: base) }
    let (file, neighbour) = (folder + "/libopenvino_c.so", folder + "/libtbb.so.12")
    for path in [file, neighbour] {
      try Data().write(to: URL(fileURLWithPath: path))
      chmod(path, 0o644)
    }
    #expect(refusal(file).isEmpty)
    func expect(_ path: String, mode: mode_t) {
      var info = stat()
      stat(path, &info)
      chmod(path, mode)
      let message = refusal(file)
      #expect(message.contains("\(path) can be changed by other users; run: chmod go-w '\(path)'"))
      chmod(path, info.st_mode & 0o7777)
      #expect(refusal(file).isEmpty)
    }
    expect(file, mode: 0o666)
    expect(neighbour, mode: 0o646)
    expect(folder, mode: 0o777)
    expect(base, mode: 0o757)
    // A link is followed: what counts is where it leads.
    let link = "/tmp/vrb-link-\(UInt32.random(in: 0...UInt32.max)).so"
    #expect(symlink(file, link) == 0)
    defer { unlink(link) }
    #expect(refusal(link).isEmpty)
    // A group may write only where it is the private one of the user, which root has not.
    if geteuid() == 0 {
      expect(file, mode: 0o664)
      expect(folder, mode: 0o775)
      chown(folder, 65_533, 65_533)
      #expect(refusal(file).contains("the folder \(folder) belongs to user 65533"))
    }
  }
}
