import Foundation
import Imaging

/// Pictures that commands about models are given.
enum PictureFile {
  static func read(_ path: String) throws -> RGBImage {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure("\(path) can't be read")
    }
    do { return try Picture.decode(Array(data)) } catch { throw Failure("\(path): \(error)") }
  }

  static func isOne(_ name: String) -> Bool {
    ["jpg", "jpeg", "png"].contains(URL(fileURLWithPath: name).pathExtension.lowercased())
  }
}
