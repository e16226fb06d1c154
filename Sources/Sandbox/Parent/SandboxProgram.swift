import Foundation
import Synchronization

/// The program that is started as a confined process.
public enum SandboxProgram {
  private static let here = Mutex<String?>(nil)

  /// First argument of a confined process.
  static let argument = "sandbox-worker"

  /// States that this program itself has the worker's entry. The link stays valid when an update replaces the file.
  static func registerThis() { here.withLock { $0 = "/proc/self/exe" } }

  /// This program when it has the entry, otherwise `vrbridge` beside it.
  public static var standard: String {
    if let path = here.withLock({ $0 }) { return path }
    return URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("vrbridge").path
  }
}
