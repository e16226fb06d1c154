import COpenVINO
import Foundation
import Synchronization

/// OpenVINO's C API.
public struct OpenVINOLibrary: Sendable {
  private static let library = DynamicLibrary(
    name: "OpenVINO, which runs models in this process,", remedy: "vrbridge models pull openvino",
    variable: "VRBRIDGE_OPENVINO", prefix: "libopenvino_c.so", linked: "libopenvino_c.so",
    opener: { covino_open($0, $1, $2) })
  /// OpenVINO stores the text of the last error globally, so a call and the read of its error text are one section.
  private static let lock = Mutex(())

  private let opened: DynamicLibrary.Opened

  init(_ opened: DynamicLibrary.Opened) { self.opened = opened }

  public var file: String { opened.file }
  public var version: String { String(cString: covino_version(opened.pointer)) }

  /// - Parameter folder: the folder that `vrbridge models pull openvino` fills, or nil.
  /// - Throws: `InferenceError` of kind `unavailable`, with the command that installs the library.
  public static func shared(folder: String?) throws(InferenceError) -> OpenVINOLibrary {
    do throws(DynamicLibraryError) {
      return OpenVINOLibrary(try library.open(folder: folder))
    } catch { throw InferenceError(.unavailable, error.description) }
  }

  /// Verifies the library for a process that will open it.
  static func verify(folder: String?) { library.verify(folder: folder) }

  /// Makes a call that returns a status, and adds OpenVINO's text to its error.
  func call(
    _ kind: InferenceError.Kind, _ message: String, _ body: (OpaquePointer) -> Int32
  ) throws(InferenceError) {
    let problem: String? = Self.lock.withLock { _ in
      body(opened.pointer) == 0 ? nil : String(cString: covino_last_error(opened.pointer))
    }
    if let problem { throw InferenceError(kind, "\(message): \(Self.plain(problem))") }
  }

  /// The message without the lines that name OpenVINO's source files.
  private static func plain(_ message: String) -> String {
    let lines = message.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
    let useful = lines.filter { !$0.isEmpty && !$0.contains("src/") && !$0.hasPrefix("Exception from") }
    let text = (useful.isEmpty ? lines : useful).joined(separator: " ")
    return String((text.isEmpty ? "OpenVINO gives no reason" : text).prefix(400))
  }
}
