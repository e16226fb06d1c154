import Diagnostics
import Foundation
import Glibc

/// A private temporary folder, removed with the last reference.
public final class TemporaryFolder: Sendable {
  public let path: String

  /// - Parameter name: start of the folder's name, which identifies folders left by a crash.
  public init(_ name: String) throws(TemporaryFolderError) {
    let root = NSTemporaryDirectory()
    var template = Array((root + "/\(name)-XXXXXX").utf8CString)
    guard let made = mkdtemp(&template) else { throw TemporaryFolderError(root: root) }
    path = String(cString: made)
  }

  public func file(_ name: String) -> URL { URL(fileURLWithPath: path + "/" + name) }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A temporary folder cannot be created.
public struct TemporaryFolderError: CodedError, Sendable {
  public var root: String

  public var code: String { "temporary-folder-failed" }
  public var description: String {
    "no temporary folder can be created in \(root); check its permissions and free space, or set TMPDIR"
  }
}
