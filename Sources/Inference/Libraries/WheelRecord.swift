import Cryptography
import Foundation

/// The digests of a wheel's files: its `RECORD` (packaging.python.org/specifications/recording-installed-packages).
///
/// The catalogue holds the digest of the record, so that it vouches for each file without a list of its own.
struct WheelRecord {
  static let fileName = "RECORD"
  private static let maximumSize = 4 << 20

  /// SHA-256 of the record.
  let digest: String
  /// File name without its folder → SHA-256 in base64url without padding.
  let files: [String: String]

  /// Parses a record; nil for another format. Names that stand for several files have no digest.
  init?(_ data: Data) {
    guard data.count <= Self.maximumSize else { return nil }
    digest = Self.hexadecimal(SHA256.hash(Array(data)))
    var files: [String: String] = [:]
    var ambiguous: Set<String> = []
    for line in String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline) {
      // Path, digest, size. A path with a comma is quoted; no library has one.
      let parts = line.split(separator: ",", omittingEmptySubsequences: false)
      guard parts.count == 3, parts[1].hasPrefix("sha256="), let name = parts[0].split(separator: "/").last
      else { continue }
      let value = String(parts[1].dropFirst(7))
      if let other = files[String(name)], other != value { ambiguous.insert(String(name)) }
      files[String(name)] = value
    }
    for name in ambiguous { files[name] = nil }
    self.files = files
  }

  /// The digest of a file's contents in the form of the record.
  static func digest(of bytes: [UInt8]) -> String {
    Data(SHA256.hash(bytes)).base64EncodedString().filter { $0 != "=" }
      .replacing("+", with: "-").replacing("/", with: "_")
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
