import Foundation
import Glibc

/// A folder for this process alone, which goes when nobody holds it any more.
public final class TemporaryFolder: Sendable {
  public let path: String

  /// - Parameter name: what its name begins with, for who finds one after a crash.
  /// - Throws: a sentence when there is no place for one.
  public init(_ name: String) throws(TemporaryFolderError) {
    let root = NSTemporaryDirectory()
    var template = Array((root + "/\(name)-XXXXXX").utf8CString)
    guard let made = mkdtemp(&template) else { throw TemporaryFolderError(root: root) }
    path = String(cString: made)
  }

  public func file(_ name: String) -> URL { URL(fileURLWithPath: path + "/" + name) }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

public struct TemporaryFolderError: Error, CustomStringConvertible {
  public var root: String
  public var description: String { "no temporary folder can be made in \(root)" }
}
