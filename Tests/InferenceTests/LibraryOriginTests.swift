import Cryptography
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Inference

/// Where native libraries may come from.
struct LibraryOriginTests {
  private let folder: String
  private let state: String
  private let origins = LibraryOrigins()
  private var library: String { folder + "/libopenvino_c.so.1" }

  init() throws {
    let base = try TestPaths.temporaryFolder()
    (folder, state) = (base + "/openvino", base + "/state")
    for path in [folder, state] {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
    for name in ["libopenvino_c.so.1", "libopenvino_cpu_plugin.so", "libtbb.so.12"] { try put(name, name) }
    try record()
  }

  private func put(_ name: String, _ contents: String) throws {
    try Data(contents.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
  }

  /// Writes the record of the present files, which the catalogue holds, and of one that was not installed.
  private func record() throws {
    var text = "pkg/libs/libmissing.so,sha256=\(WheelRecord.digest(of: [1])),1\npkg.dist-info/RECORD,,\n"
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name != "RECORD" {
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
      text += "pkg/libs/\(name),sha256=\(WheelRecord.digest(of: bytes)),\(bytes.count)\n"
    }
    try put("RECORD", text)
    let digest = SHA256.hash(Array(text.utf8)).map { String(format: "%02x", $0) }.joined()
    origins.trust(records: { [digest] }, noting: state)
  }

  /// The form of a record's digests: that of a file of a published wheel.
  @Test func digestsHaveTheFormOfARecord() throws {
    // The SHA-256 of no bytes.
    #expect(WheelRecord.digest(of: []) == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
    let record = try #require(
      WheelRecord(Data("a/x.so,sha256=1,1\nb/x.so,sha256=2,1\nc/y.so,sha256=3,1\n".utf8)))
    #expect(record.files == ["y.so": "3"])
  }

  @Test func theFilesOfTheCataloguesWheelAreOpened() {
    #expect(origins.problem(of: library) == nil)
    // A name is looked up by the loader, in folders of root.
    #expect(origins.problem(of: "libopenvino_c.so") == nil)
  }

  @Test(arguments: ["libopenvino_c.so.1", "libopenvino_cpu_plugin.so", "libtbb.so.12"])
  func anAlteredFileIsNotOpened(_ name: String) throws {
    try put(name, "other")
    #expect(origins.problem(of: library)?.contains("\(name) was altered") == true)
  }

  /// OpenVINO loads what plugins.xml names, and the linker what lies beside a library.
  @Test(arguments: ["plugins.xml", "libz.so.1"])
  func anAddedFileIsNotLoaded(_ name: String) throws {
    try put(name, "")
    #expect(origins.problem(of: library)?.contains("\(name) is not part of the catalogue's wheel") == true)
  }

  @Test func anotherRecordIsNotBelieved() throws {
    let text = try String(contentsOfFile: folder + "/RECORD", encoding: .utf8)
    try put("RECORD", text + "\n")
    #expect(origins.problem(of: library)?.contains("is not that of the catalogue's wheel") == true)
    try put("RECORD", text)
    #expect(origins.problem(of: library) == nil)
    origins.trust(records: { [] }, noting: state)
    #expect(origins.problem(of: library)?.contains("is not that of the catalogue's wheel") == true)
  }

  @Test func aLibraryWithoutARecordBelongsToRoot() throws {
    unlink(folder + "/RECORD")
    if geteuid() == 0 {
      #expect(origins.problem(of: library) == nil)
      #expect(chown(folder, 65_533, 65_533) == 0)
    }
    let problem = origins.problem(of: library)
    #expect(problem?.contains("its origin is not known: the ") == true, "\(problem as Any)")
    #expect(problem?.contains("belongs to user") == true, "\(problem as Any)")
  }

  // MARK: what is not read again

  /// Changes a file and keeps everything that a note holds: only a comparison of digests finds it.
  private func noted() throws -> String {
    let note = state + "/libraries.verified"
    // Files that were just written may change again without another time.
    Thread.sleep(forTimeInterval: 2.1)
    #expect(origins.problem(of: library) == nil)
    return note
  }

  @Test func verifiedFilesAreNotedUntilTheyChange() throws {
    #expect(origins.problem(of: library) == nil)
    #expect(!FileManager.default.fileExists(atPath: state + "/libraries.verified"))
    let note = try noted()
    let text = try String(contentsOfFile: note, encoding: .utf8)
    var info = stat()
    #expect(stat(note, &info) == 0 && info.st_mode & 0o777 == 0o600)
    // A second check adds no line.
    #expect(origins.problem(of: library) == nil)
    #expect(try String(contentsOfFile: note, encoding: .utf8) == text)
    // The same size and the same time of modification; the time of the change of attributes can't be set.
    let attributes = try FileManager.default.attributesOfItem(atPath: library)
    try put("libopenvino_c.so.1", "LIBOPENVINO_C.SO.1")
    try FileManager.default.setAttributes(
      [.modificationDate: try #require(attributes[.modificationDate])], ofItemAtPath: library)
    #expect(origins.problem(of: library)?.contains("was altered") == true)
  }

  /// A note that others can write is no note.
  @Test func aNoteOfOthersIsNotBelieved() throws {
    let note = try noted()
    let text = try String(contentsOfFile: note, encoding: .utf8)
    chmod(note, 0o666)
    #expect(origins.problem(of: library) == nil)
    var info = stat()
    // It was compared and noted again.
    #expect(stat(note, &info) == 0 && info.st_mode & 0o777 == 0o600)
    #expect(try String(contentsOfFile: note, encoding: .utf8) == text)
  }
}
