import Cryptography
import Foundation

extension HTTPServerOptions {
  /// Returns the permission of a client.
  ///
  /// - Parameter header: the value of `Authorization`; nil for none.
  func permission(header: String?) -> HTTPPeer.Permission { permission(token: Self.secret(header)) }

  /// Returns the permission of a client.
  ///
  /// - Parameter secret: the token that it showed; nil for none.
  public func permission(token secret: String?) -> HTTPPeer.Permission {
    if tokens.isEmpty { return .anybody }
    guard let token = token(secret) else { return .unauthenticated }
    return .token(manages: token.manages, models: token.models.isEmpty ? nil : token.models)
  }

  private static func secret(_ header: String?) -> String? {
    guard let header, header.lowercased().hasPrefix("bearer ") else { return nil }
    return header.dropFirst(7).trimmingCharacters(in: .whitespaces)
  }

  private func token(_ secret: String?) -> Token? {
    guard let secret else { return nil }
    let digest = SHA256.hash(secret.utf8)
    // All tokens and all bytes are compared, so that the time taken is independent of the secret.
    var found: Token?
    for token in tokens where zip(token.digest, digest).reduce(0, { $0 | ($1.0 ^ $1.1) }) == 0 {
      found = token
    }
    return found
  }
}
