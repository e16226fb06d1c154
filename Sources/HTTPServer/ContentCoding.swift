import Compression
import Foundation
import Hummingbird

/// The coding of a request's body, by `Content-Encoding`.
enum ContentCoding: Equatable {
  case identity
  case gzip
  case deflate

  /// For the answer to a request with another coding.
  static let accepted = "gzip, deflate"

  /// - Throws: for codings that this service does not decode, and for several at once.
  init(_ request: Request) throws(HTTPRequestError) {
    let given = request.headers[values: .contentEncoding]
      .flatMap { $0.split(separator: ",") }
      .map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
      .filter { !$0.isEmpty && $0 != "identity" }
    switch given.count == 1 ? given[0] : given.isEmpty ? "identity" : "" {
    case "identity": self = .identity
    case "gzip", "x-gzip": self = .gzip
    case "deflate": self = .deflate
    default:
      throw HTTPRequestError(
        .encodingUnsupported,
        "bodies with 'Content-Encoding: \(given.joined(separator: ", ").prefix(100))' are not decoded; send one of gzip, deflate, or no encoding"
      )
    }
  }

  var format: BodyInflater.Format? {
    switch self {
    case .identity: nil
    case .gzip: .gzip
    case .deflate: .deflate
    }
  }
}
