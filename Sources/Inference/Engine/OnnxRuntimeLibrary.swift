import COnnxRuntime

/// ONNX Runtime's C API.
public struct OnnxRuntimeLibrary: Sendable {
  private static let library = DynamicLibrary(
    name: "ONNX Runtime", remedy: "vrbridge models pull sherpa-onnx", variable: "VRBRIDGE_ONNXRUNTIME",
    prefix: "libonnxruntime.so", linked: "libonnxruntime.so.1", opener: { conr_open($0, $1, $2) })

  private let opened: DynamicLibrary.Opened

  init(_ opened: DynamicLibrary.Opened) { self.opened = opened }

  var pointer: OpaquePointer { opened.pointer }
  public var file: String { opened.file }

  /// Verifies the library for a process that will open it.
  static func verify(folder: String?) { library.verify(folder: folder) }
  public var version: String { String(cString: conr_version(opened.pointer)) }

  /// - Parameter folder: the folder that `vrbridge models pull sherpa-onnx` fills, or nil.
  /// - Throws: `InferenceError` of kind `unavailable`, with the command that installs the library.
  public static func shared(folder: String?) throws(InferenceError) -> OnnxRuntimeLibrary {
    do throws(DynamicLibraryError) {
      return OnnxRuntimeLibrary(try library.open(folder: folder))
    } catch { throw InferenceError(.unavailable, error.description) }
  }
}
