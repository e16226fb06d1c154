import CSherpaOnnx
import Inference

/// sherpa-onnx's C API.
public struct SherpaLibrary: Sendable {
  private static let name = "libsherpa-onnx-c-api.so"
  private static let library = DynamicLibrary(
    name: "sherpa-onnx, which transcribes speech,", remedy: "vrbridge models pull sherpa-onnx",
    variable: "VRBRIDGE_SHERPA_ONNX", prefix: name, linked: name, opener: { csherpa_open($0, $1, $2) })

  let handle: DynamicLibrary.Opened

  public var file: String { handle.file }
  public var version: String { String(cString: csherpa_version(handle.pointer)) }

  /// - Parameter folder: the folder that `vrbridge models pull sherpa-onnx` fills, or nil.
  /// - Throws: `SpeechError` with the command that installs the library.
  public static func shared(folder: String?) throws(SpeechError) -> SherpaLibrary {
    do throws(DynamicLibraryError) {
      return SherpaLibrary(handle: try library.open(folder: folder))
    } catch { throw SpeechError(error.description) }
  }
}
