import COpenVINO
import Foundation
import Synchronization

/// OpenVINO, found and opened once a process.
public final class OpenVINOLibrary: Sendable {
  /// `@unchecked Sendable`: a pointer to a library that is never closed; OpenVINO's core takes calls from any thread.
  struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  let handle: Handle
  public let file: String
  public let version: String
  /// OpenVINO keeps the text of the last error in one place: who asks for it must be who failed.
  private let lock = Mutex(())

  private init(handle: Handle, file: String) {
    self.handle = handle
    self.file = file
    version = String(cString: covino_version(handle.pointer))
  }

  private static let opened = Mutex<OpenVINOLibrary?>(nil)

  /// - Parameter folder: where `vrbridge models pull --runtime` put it, or nil.
  /// - Throws: when there is no library, with the command that gets one.
  public static func shared(folder: String?) throws(InferenceError) -> OpenVINOLibrary {
    if let library = opened.withLock({ $0 }) { return library }
    var problems: [String] = []
    for file in LibraryFile.candidates(
      variable: "VRBRIDGE_OPENVINO", folder: folder, prefix: "libopenvino_c.so", linked: "libopenvino_c.so")
    {
      var error = [CChar](repeating: 0, count: 512)
      if let pointer = covino_open(file, &error, error.count) {
        let library = OpenVINOLibrary(handle: Handle(pointer: pointer), file: file)
        return opened.withLock { opened in
          if opened == nil { opened = library }
          return opened ?? library
        }
      }
      problems.append("\(file): \(LibraryFile.text(error))")
    }
    throw InferenceError(
      .unavailable,
      "OpenVINO, which runs models in this process, is not there (\(problems.joined(separator: "; "))); "
        + "get it with: vrbridge models pull openvino")
  }

  /// Runs a call that returns a status, and gives its error a text.
  func call(
    _ kind: InferenceError.Kind, _ what: String, _ body: (OpaquePointer) -> Int32
  ) throws(InferenceError) {
    let problem: String? = lock.withLock { _ in
      body(handle.pointer) == 0 ? nil : String(cString: covino_last_error(handle.pointer))
    }
    if let problem { throw InferenceError(kind, "\(what): \(Self.plain(problem))") }
  }

  /// The last line with words: before it stand file and line of OpenVINO's source.
  private static func plain(_ message: String) -> String {
    let lines = message.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
    let telling = lines.filter { !$0.isEmpty && !$0.contains("src/") && !$0.hasPrefix("Exception from") }
    let text = (telling.isEmpty ? lines : telling).joined(separator: " ")
    return String((text.isEmpty ? "OpenVINO gives no reason" : text).prefix(400))
  }
}
