import Crypto
import Foundation

/// How models are served over HTTP.
public struct ServiceOptions: Sendable, Equatable {
  public enum Address: Sendable, Equatable {
    case network(host: String, port: Int)
    case unix(String)

    /// `HOST:PORT`, `[::1]:PORT`, or a path.
    public init?(_ text: String) {
      if text.hasPrefix("/") || text.hasPrefix("unix:") {
        self = .unix(text.hasPrefix("unix:") ? String(text.dropFirst(5)) : text)
        return
      }
      guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
        return nil
      }
      var host = String(text[..<colon])
      if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
      guard !host.isEmpty else { return nil }
      self = .network(host: host, port: Int(port))
    }

    public var text: String {
      switch self {
      case .network(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
      case .unix(let path): path
      }
    }

    /// Only this machine reaches it.
    public var isLocal: Bool {
      switch self {
      case .unix: true
      case .network(let host, _): host == "localhost" || host == "::1" || host.hasPrefix("127.")
      }
    }
  }

  /// A secret, and what who has it may use.
  public struct Token: Sendable, Equatable {
    /// SHA-256 of the secret: it is not kept.
    public var digest: [UInt8]
    /// Names of models; empty for all.
    public var models: Set<String>
    /// Loading and unloading too.
    public var manages: Bool

    public init(secret: String, models: Set<String> = [], manages: Bool = false) {
      digest = Array(SHA256.hash(data: Data(secret.utf8)))
      self.models = models
      self.manages = manages
    }
  }

  public struct TLS: Sendable, Equatable {
    /// PEM files.
    public var certificate: String
    public var key: String

    public init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }
  }

  public var address: Address
  public var tokens: [Token] = []
  public var tls: TLS?
  public var maximumBody = 64 << 20
  /// Of one token, or of all without one.
  public var requestsPerSecond = 10_000.0
  /// Width by height of pictures that are sent.
  public var maximumPixels = 32 << 20
  /// Seconds that a request may wait for its model.
  public var patience = 30.0

  public init(address: Address) { self.address = address }

  /// What is missing for the address, in a sentence.
  public var problem: String? {
    if !address.isLocal, tls == nil || tokens.isEmpty {
      return
        "\(address.text) can be reached from other machines: that needs 'http: tls' and 'http: tokens' in the configuration"
    }
    return nil
  }
}

/// What who sent a request may do.
struct Principal: Sendable {
  /// nil for all.
  var models: Set<String>?
  var manages: Bool

  func mayUse(_ model: String) -> Bool { models.map { $0.contains(model) } ?? true }
}

extension ServiceOptions {
  /// - Parameter header: of `Authorization`.
  /// - Returns: nil when a token is needed and none of them was given.
  func principal(_ header: String?) -> Principal? {
    if tokens.isEmpty { return Principal(models: nil, manages: true) }
    guard let found = token(Self.secret(header)) else { return nil }
    return Principal(models: found.models.isEmpty ? nil : found.models, manages: found.manages)
  }

  /// - Parameter header: of `Authorization`.
  func permission(header: String?) -> HTTPPeer.Permission { permission(token: Self.secret(header)) }

  /// - Parameter secret: that was shown; nil for none.
  public func permission(token secret: String?) -> HTTPPeer.Permission {
    tokens.isEmpty ? .anybody : token(secret).map { .token(manages: $0.manages) } ?? .stranger
  }

  private static func secret(_ header: String?) -> String? {
    guard let header, header.lowercased().hasPrefix("bearer ") else { return nil }
    return header.dropFirst(7).trimmingCharacters(in: .whitespaces)
  }

  private func token(_ secret: String?) -> Token? {
    guard let secret else { return nil }
    let digest = Array(SHA256.hash(data: Data(secret.utf8)))
    // All are looked at, and all bytes of each: time tells nothing. (Of digests it would tell little.)
    var found: Token?
    for token in tokens where zip(token.digest, digest).reduce(0, { $0 | ($1.0 ^ $1.1) }) == 0 {
      found = token
    }
    return found
  }
}
