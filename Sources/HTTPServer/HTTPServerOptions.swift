import Cryptography
import Foundation
public import Sensing

/// Address, access rules and limits of an HTTP or WebSocket server.
public struct HTTPServerOptions: Sendable, Equatable {
  public enum Address: Sendable, Equatable {
    case network(host: String, port: Int)
    case unix(String)

    /// Parses `HOST:PORT`, `[::1]:PORT`, or a path; nil for other text.
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

    public var isUnix: Bool { if case .unix = self { true } else { false } }

    /// Whether the address is reached from this machine alone.
    public var isLocal: Bool {
      switch self {
      case .unix: true
      case .network(let host, _): host == "localhost" || host == "::1" || host.hasPrefix("127.")
      }
    }
  }

  /// A secret, and the rights of clients that show it.
  public struct Token: Sendable, Equatable {
    /// SHA-256 of the secret; the secret itself is not kept.
    public var digest: [UInt8]
    /// Names of the models that may be used; empty for all.
    public var models: Set<String>
    public var scopes: Set<Scope>

    /// The scopes of a token unless they are configured: all that change no state.
    public static let standardScopes = Set(Scope.allCases).subtracting([.manage, .measure])

    public init(secret: String, models: Set<String> = [], scopes: Set<Scope> = Token.standardScopes) {
      digest = SHA256.hash(secret.utf8)
      self.models = models
      self.scopes = scopes
    }
  }

  public struct TLS: Sendable, Equatable {
    /// Paths of PEM files.
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
  /// Bytes of a request's body, at most.
  public var maximumBody = 64 << 20
  /// Connections at a time, at most.
  public var maximumConnections = 256
  public var timeouts = ConnectionTimeouts()
  /// Requests of one user or machine, at most.
  public var requestsPerSecond = 10_000.0

  public init(address: Address) { self.address = address }

  /// What the address needs and is not set; nil when nothing is missing.
  public var problem: String? {
    if !address.isLocal, tls == nil || tokens.isEmpty {
      return
        "\(address.text) can be reached from other machines; set 'http: tls' and 'http: tokens' in the configuration"
    }
    return nil
  }
}
