import Foundation
import StrictYAML

/// The HTTP service: `http:` in the configuration. Secrets stand in files of their own.
public struct HTTPSettings: Sendable, Equatable {
  public struct Token: Sendable, Equatable {
    /// File, or systemd credential, with the secret.
    public var file: String
    /// Empty for all.
    public var models: [String]
    public var manages: Bool
  }

  /// `HOST:PORT` or a path; nil for none.
  public var address: String?
  public var tokens: [Token] = []
  public var certificate: String?
  public var key: String?
  public var maximumBody = 64 << 20
  public var requestsPerSecond = 10_000.0

  static let keys: [String: [String]] = [
    "http": ["address", "tokens", "tls", "max_body_mb", "requests_per_second"],
    "token": ["file", "models", "manage"],
    "tls": ["certificate", "key"],
  ]

  public init() {}

  init(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: Self.keys["http"] ?? [])
    address = try map.required("address").string()
    for item in try map["tokens"]?.list(count: 0...1000) ?? [] {
      let token = try item.mapping(keys: Self.keys["token"] ?? [])
      var models: [String] = []
      for name in try token["models"]?.list(count: 1...1000) ?? [] { models.append(try name.string()) }
      tokens.append(
        Token(
          file: try token.required("file").string(), models: models,
          manages: try token["manage"]?.boolean() ?? false))
    }
    if let tls = try map["tls"]?.mapping(keys: Self.keys["tls"] ?? []) {
      certificate = try tls.required("certificate").string()
      key = try tls.required("key").string()
    }
    if let given = map["max_body_mb"] { maximumBody = try given.integer(in: 1...1024) << 20 }
    if let given = map["requests_per_second"] { requestsPerSecond = try given.number(in: 1...1e6) }
  }

  var lines: [(indent: Int, key: String, value: String)] {
    guard let address else { return [] }
    var list: [(Int, String, String)] = [(1, "address", quotedYAML(address))]
    if !tokens.isEmpty { list.append((1, "tokens", "")) }
    for token in tokens {
      var text = "{ file: \(quotedYAML(token.file)), manage: \(token.manages)"
      if !token.models.isEmpty {
        text += ", models: [\(token.models.map(quotedYAML).joined(separator: ", "))]"
      }
      list.append((2, "-", text + " }"))
    }
    if let certificate, let key {
      list.append((1, "tls", "{ certificate: \(quotedYAML(certificate)), key: \(quotedYAML(key)) }"))
    }
    list.append((1, "max_body_mb", String(maximumBody >> 20)))
    list.append((1, "requests_per_second", String(requestsPerSecond)))
    return list
  }

  /// The secret in a token's file.
  public static func secret(_ place: String, environment: [String: String]) throws(StartError) -> String {
    let secret = try SecretFile.read(place, environment: environment, purpose: "the token")
    guard secret.utf8.count >= 16 else {
      throw StartError(
        "the token in \(place) is shorter than 16 characters; make one with: openssl rand -base64 32")
    }
    return secret
  }
}
