import Foundation
import Inference

/// The models and the library that `make test` fetches.
public enum Models {
  private static var environment: [String: String] { ProcessInfo.processInfo.environment }

  public static var folder: String { environment["VRBRIDGE_MODELS"] ?? TestPaths.root + "/.build/models" }
  public static var runtime: String {
    trustCatalog
    return environment["VRBRIDGE_OPENVINO"] ?? TestPaths.root + "/.build/openvino"
  }
  public static var speechRuntime: String {
    trustCatalog
    return environment["VRBRIDGE_SHERPA_ONNX"] ?? TestPaths.root + "/.build/sherpa-onnx"
  }
  /// As the programs do before they open a library.
  private static let trustCatalog: Void = LibraryOrigins.process.trust(
    records: {
      Set(
        (try? ModelCatalog.load(file: TestPaths.root + "/models/catalog.yaml"))?.runtimes.map(\.record) ?? [])
    }, noting: nil)
  /// The state folder of the user who fetched them; an empty one for another user. Those of the catalogue are trusted
  /// without its key.
  public static let state: String = {
    let folder = environment["VRBRIDGE_STATE"] ?? TestPaths.root + "/.build/state"
    if FileManager.default.isWritableFile(atPath: folder) { return folder }
    return (try? TestPaths.temporaryFolder()) ?? folder
  }()

  /// The library and the models that hear.
  public static var hear: Bool {
    FileManager.default.fileExists(atPath: folder + "/speech-recognition")
      && FileManager.default.fileExists(atPath: speechRuntime)
  }

  /// A wake word's model.
  public static var wake: Bool { FileManager.default.fileExists(atPath: folder + "/wake-hey-rhasspy") }

  public static var areHere: Bool {
    FileManager.default.fileExists(atPath: folder + "/hand-landmarks")
      && FileManager.default.fileExists(atPath: runtime)
  }
}
