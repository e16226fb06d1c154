import Foundation

/// The models and the library that `make test` fetches.
public enum Models {
  private static var environment: [String: String] { ProcessInfo.processInfo.environment }

  public static var folder: String { environment["VRBRIDGE_MODELS"] ?? Places.root + "/.build/models" }
  public static var runtime: String { environment["VRBRIDGE_OPENVINO"] ?? Places.root + "/.build/openvino" }
  /// Where the key is with which they were signed.
  public static var state: String { environment["VRBRIDGE_STATE"] ?? Places.root + "/.build/state" }

  public static var areHere: Bool {
    FileManager.default.fileExists(atPath: folder + "/hand-landmarks")
      && FileManager.default.fileExists(atPath: runtime)
  }
}
