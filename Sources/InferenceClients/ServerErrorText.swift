import Foundation

/// The text in the body of a server's error answer. Servers differ: `{"error": "…"}` (Triton), `{"error": {"message":
/// "…"}}` (OpenAI), `{"detail": …}` (FastAPI), or no JSON at all.
package enum ServerErrorText {
  private struct Body: Decodable {
    struct Text: Decodable {
      struct Detail: Decodable { var message: String }
      var value: String

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
          value = text
        } else {
          value = try container.decode(Detail.self).message
        }
      }
    }
    enum CodingKeys: CodingKey { case error, detail }
    var text: String?

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      let found =
        (try? container.decode(Text.self, forKey: .error))
        ?? (try? container.decode(Text.self, forKey: .detail))
      text = found?.value
    }
  }

  /// Returns at most 200 characters, without control characters.
  package static func read(_ bytes: [UInt8]) -> String {
    let found = try? JSONDecoder().decode(Body.self, from: Data(bytes)).text
    let text = found ?? String(decoding: bytes.prefix(200), as: UTF8.self)
    return String(text.unicodeScalars.filter { $0.value >= 32 }.map(Character.init).prefix(200))
  }
}
