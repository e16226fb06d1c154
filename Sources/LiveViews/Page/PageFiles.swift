import Foundation
import ModelService

/// The files of the page; read once, served from memory.
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
  private var files: [String: File] = [:]

  /// - Throws: when one of them is not there.
  init(folder: String) throws {
    for (name, type) in Self.types {
      let place = URL(fileURLWithPath: folder).appendingPathComponent(name)
      guard let data = try? Data(contentsOf: place) else {
        throw ServiceFault("\(place.path) can't be read; is vrbridge installed as a whole?")
      }
      files[name] = File(type: type, bytes: [UInt8](data))
    }
  }

  /// - Parameter path: of the request.
  subscript(path: String) -> File? { files[path == "/" ? "index.html" : String(path.dropFirst())] }
}
