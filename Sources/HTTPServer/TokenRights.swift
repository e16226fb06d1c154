public import Authorisation
import Cryptography
import Foundation

extension HTTPServerOptions {
  /// Returns the rights of a client.
  ///
  /// - Parameters:
  ///   - header: the value of `Authorization`; nil for none.
  ///   - local: the rights of its connection, which hold where no tokens are configured.
  func rights(header: String?, of local: Rights) -> Rights { rights(token: Self.secret(header), of: local) }

  /// Returns the rights of a client.
  ///
  /// - Parameters:
  ///   - secret: the token that it showed; nil for none.
  ///   - local: the rights of its connection, which hold where no tokens are configured.
  public func rights(token secret: String?, of local: Rights) -> Rights {
    if tokens.isEmpty { return local }
    guard let token = token(secret) else { return Rights(local.principal, .noToken, scopes: []) }
    return Rights(
      local.principal, .token, scopes: token.scopes, models: token.models.isEmpty ? nil : token.models)
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
