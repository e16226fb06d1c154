import CSherpaOnnx
import Foundation
import Glibc
import Synchronization

/// sherpa-onnx, found and opened once a process.
public final class SherpaLibrary: Sendable {
  /// `@unchecked Sendable`: a pointer to functions that is never closed and never written again.
  struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  let handle: Handle
  public let file: String
  public let version: String

  private init(handle: Handle, file: String) {
    self.handle = handle
    self.file = file
    version = String(cString: csherpa_version(handle.pointer))
  }

  private static let opened = Mutex<SherpaLibrary?>(nil)

  /// - Parameter folder: where `vrbridge models pull sherpa-onnx` put it, or nil.
  /// - Throws: when there is no library, with the command that gets one.
  public static func shared(folder: String?) throws(SpeechFault) -> SherpaLibrary {
    if let library = opened.withLock({ $0 }) { return library }
    var problems: [String] = []
    for file in candidates(folder: folder) {
      var error = [CChar](repeating: 0, count: 512)
      if let pointer = csherpa_open(file, &error, error.count) {
        let library = SherpaLibrary(handle: Handle(pointer: pointer), file: file)
        return opened.withLock { opened in
          if opened == nil { opened = library }
          return opened ?? library
        }
      }
      let text = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      problems.append("\(file): \(text)")
    }
    throw SpeechFault(
      "sherpa-onnx, which turns speech into text, is not there (\(problems.joined(separator: "; "))); "
        + "get it with: vrbridge models pull sherpa-onnx")
  }

  /// Files to try: the one that is named, ours, then what the linker finds.
  static func candidates(folder: String?) -> [String] {
    let name = "libsherpa-onnx-c-api.so"
    var list: [String] = []
    let named = ProcessInfo.processInfo.environment["VRBRIDGE_SHERPA_ONNX"]
    for place in [named, folder].compactMap({ $0 }) where !place.isEmpty {
      var information = stat()
      let isFolder = stat(place, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
      list.append(isFolder ? place + "/" + name : place)
    }
    return list + [name]
  }
}
