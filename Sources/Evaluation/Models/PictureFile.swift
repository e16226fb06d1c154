import Diagnostics
import Foundation
import Imaging

/// Reads the pictures on which models are evaluated.
package enum PictureFile {
  package static func read(_ path: String) throws -> RGBImage {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw EvaluationError("file-unreadable", "\(path) can't be read (\(readingProblem(path)))")
    }
    do { return try Picture.decode(Array(data)) } catch {
      throw EvaluationError("picture-invalid", "\(path): \(error)")
    }
  }

  package static func isPicture(_ name: String) -> Bool {
    ["jpg", "jpeg", "png"].contains(URL(fileURLWithPath: name).pathExtension.lowercased())
  }
}
