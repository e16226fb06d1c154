import Foundation
import HTTPServer

/// The files of the page, read once and served from memory.
struct PageFiles: Sendable {
  struct File: Sendable {
    var type: String
    var bytes: [UInt8]
  }
  private static let types = [
    "index.html": "text/html; charset=utf-8", "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8", "space.js": "text/javascript; charset=utf-8",
    "plot.js": "text/javascript; charset=utf-8",
  ]
  /// Paths of the files in requests.
  static var paths: [String] { ["/"] + types.keys.sorted().map { "/" + $0 } }

  private var files: [String: File] = [:]

  /// - Throws: for a missing file.
  init(folder: String) throws {
    for (name, type) in Self.types {
      let file = URL(fileURLWithPath: folder).appendingPathComponent(name)
      guard let data = try? Data(contentsOf: file) else {
        throw HTTPServerError(
          .file, "the page's file \(file.path) can't be read; install vrbridge again")
      }
      files[name] = File(type: type, bytes: [UInt8](data))
    }
  }

  /// The file at a request's path; nil for another path.
  subscript(path: String) -> File? { files[path == "/" ? "index.html" : String(path.dropFirst())] }
}
