import Dialogue
import Foundation

/// The text in the body of a server's error answer, in one of the shapes of `ServerErrorShape` or no JSON at all.
package enum ServerErrorText {
  /// Returns at most 200 characters, without control characters.
  package static func read(_ bytes: [UInt8]) -> String {
    let json = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
    let text =
      json.flatMap { ServerErrorShape.text(in: $0) } ?? String(decoding: bytes.prefix(200), as: UTF8.self)
    return String(text.unicodeScalars.filter { $0.value >= 32 }.map(Character.init).prefix(200))
  }
}
