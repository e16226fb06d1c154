import CDynamicLibrary
import Cryptography
import Diagnostics
import Foundation
import Glibc
import Synchronization

/// Where the native libraries of this process may come from: from a wheel whose digest is in the catalogue, or from root.
///
/// The check precedes the linker, which runs the code of a library. It covers the libraries beside it, which it loads
/// itself: OpenVINO's plugins and frontends, TBB.
public final class LibraryOrigins: Sendable {
  /// The origins of this process. The programs configure it once, before they open a library.
  public static let process = LibraryOrigins()

  private struct State {
    /// Digests of the records of the catalogue's wheels.
    var records: @Sendable () -> Set<String> = { [] }
    /// The file of folders that were verified; nil for none.
    var verified: VerifiedFolders?
  }
  private let state = Mutex(State())

  public init() {}

  /// - Parameters:
  ///   - records: returns the SHA-256 of each `RECORD` in the catalogue; called when a library is opened.
  ///   - folder: the state folder, where verified files are noted, so that a start does not read 150 MB; nil for none.
  public func trust(records: @escaping @Sendable () -> Set<String>, noting folder: String?) {
    state.withLock {
      $0.records = records
      $0.verified = folder.map { VerifiedFolders(file: $0 + "/" + VerifiedFolders.fileName) }
    }
  }

  /// What a process that opens libraries on behalf of this one has to trust.
  var settings: (records: [String], folder: String?) {
    let (records, verified) = state.withLock { ($0.records, $0.verified) }
    return (records().sorted(), verified?.folder)
  }

  /// Returns the reason why a file must not be opened; nil for a file of known origin.
  ///
  /// - Parameter file: a path; a name alone is looked up by the loader in folders of root.
  func problem(of file: String) -> String? {
    guard file.contains("/") else { return nil }
    guard let resolved = realpath(file, nil) else {
      return "it can't be opened: \(String(cString: strerror(errno)))"
    }
    defer { free(resolved) }
    let path = String(cString: resolved)
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard let data = FileManager.default.contents(atPath: folder + "/" + WheelRecord.fileName) else {
      return problem(ofSystemLibrary: path)
    }
    return problem(of: folder, data)
  }

  private func problem(ofSystemLibrary path: String) -> String? {
    var resolved = [CChar](repeating: 0, count: Int(PATH_MAX))
    var error = [CChar](repeating: 0, count: 1024)
    guard cdynamic_check_system(path, &resolved, &error, error.count) != 0 else { return nil }
    return "its origin is not known: \(Self.text(error))"
  }

  /// Compares all libraries of a folder with the record of their wheel.
  private func problem(of folder: String, _ data: Data) -> String? {
    let (records, verified) = state.withLock { ($0.records, $0.verified) }
    guard let record = WheelRecord(data), records().contains(record.digest) else {
      return "the record \(folder)/\(WheelRecord.fileName) is not that of the catalogue's wheel"
    }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      return "the folder \(folder) can't be read"
    }
    // What OpenVINO or the linker loads from the folder.
    let loaded = names.filter { $0.contains(".so") || $0.hasSuffix(".xml") }.sorted()
    for name in loaded where record.files[name] == nil {
      return "\(folder)/\(name) is not part of the catalogue's wheel; remove it"
    }
    let stamp = FileStamp(loaded.map { folder + "/" + $0 })
    let key = "\(record.digest) \(folder) \(loaded.joined(separator: " ")) \(stamp.text)"
    if verified?.contains(key) == true { return nil }
    for name in loaded {
      guard let bytes = FileManager.default.contents(atPath: folder + "/" + name) else {
        return "\(folder)/\(name) can't be read"
      }
      guard record.files[name] == WheelRecord.digest(of: Array(bytes)) else {
        return "\(folder)/\(name) was altered: its SHA-256 is not that of the catalogue's wheel"
      }
    }
    // A change within the resolution of the file system's clock could keep the stamp.
    if stamp.isSettled(for: 2) { verified?.add(key) }
    return nil
  }

  private static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Folders of libraries whose digests were compared, and the attributes that their files had: a private file of the user.
struct VerifiedFolders: Sendable {
  static let fileName = "libraries.verified"
  private static let maximumCount = 16

  let file: String

  var folder: String { URL(fileURLWithPath: file).deletingLastPathComponent().path }

  /// Whether the attributes are those of a comparison that succeeded.
  func contains(_ key: String) -> Bool { lines.contains(Self.line(key)) }

  func add(_ key: String) {
    let text = (lines.suffix(Self.maximumCount - 1) + [Self.line(key)]).joined(separator: "\n") + "\n"
    // Without the file the digests are compared at the next start again.
    let unfinished = file + ".\(getpid())"
    guard let descriptor = try? openPrivateFile(unfinished) else { return }
    let bytes = Array(text.utf8)
    let isWritten = write(descriptor, bytes, bytes.count) == bytes.count
    close(descriptor)
    if !isWritten || rename(unfinished, file) != 0 { unlink(unfinished) }
  }

  /// The lines; none where another user could have written them.
  private var lines: [String] {
    let descriptor = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var info = stat()
    guard fstat(descriptor, &info) == 0, info.st_uid == geteuid(), info.st_mode & 0o7777 == 0o600,
      info.st_size <= 65_536, let data = try? handle.readToEnd()
    else { return [] }
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private static func line(_ key: String) -> String { WheelRecord.digest(of: Array(key.utf8)) }
}
