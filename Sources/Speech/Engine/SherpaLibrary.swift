import CSherpaOnnx
import Inference
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
    let name = "libsherpa-onnx-c-api.so"
    for file in LibraryFile.candidates(
      variable: "VRBRIDGE_SHERPA_ONNX", folder: folder, prefix: name, linked: name)
    {
      var error = [CChar](repeating: 0, count: 512)
      if let pointer = csherpa_open(file, &error, error.count) {
        let library = SherpaLibrary(handle: Handle(pointer: pointer), file: file)
        return opened.withLock { opened in
          if opened == nil { opened = library }
          return opened ?? library
        }
      }
      problems.append("\(file): \(LibraryFile.text(error))")
    }
    throw SpeechFault(
      "sherpa-onnx, which turns speech into text, is not there (\(problems.joined(separator: "; "))); "
        + "get it with: vrbridge models pull sherpa-onnx")
  }
}
