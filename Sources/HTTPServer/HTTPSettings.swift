import Diagnostics
public import Sensing
public import Settings
public import StrictYAML

/// The HTTP service: `http:` in the configuration. Secrets have files of their own.
public struct HTTPSettings: Sendable, Equatable {
  public struct Token: Sendable, Equatable {
    /// A file, or a systemd credential, that holds the secret.
    public var file: String
    /// Names of the models that the token may use; empty for all.
    public var models: [String]
    /// Whether the token has all scopes, those included that change state.
    public var manages: Bool
    /// The scopes of the token; nil for all, or for those that change no state.
    public var given: Set<Scope>?

    var scopes: Set<Scope> {
      given ?? (manages ? Set(Scope.allCases) : HTTPServerOptions.Token.standardScopes)
    }
  }

  /// `HOST:PORT` or a path; nil for no service.
  public var address: String?
  public var tokens: [Token] = []
  /// Paths of PEM files.
  public var certificate: String?
  public var privateKey: String?
  /// Bytes of a request's body at most.
  public var maximumBody = 64 << 20
  public var requestsPerSecond = 10_000.0

  public init() {}

  /// The options of a server at an address, with the tokens, certificate and limits of this section.
  ///
  /// - Parameters:
  ///   - address: `HOST:PORT` or a path.
  ///   - environment: the process's, for systemd credentials.
  /// - Throws: `HTTPServerError` for an invalid address or a token that is too short, `SecretError` for one that cannot
  ///   be read.
  public func options(for address: String, environment: [String: String]) throws -> HTTPServerOptions {
    guard let parsed = HTTPServerOptions.Address(address) else {
      throw HTTPServerError(.configuration, "the address '\(address)' is neither HOST:PORT nor a path")
    }
    var options = HTTPServerOptions(address: parsed)
    options.maximumBody = maximumBody
    options.requestsPerSecond = requestsPerSecond
    for token in tokens {
      let secret = try SecretFile.read(token.file, environment: environment, purpose: "the token")
      guard secret.utf8.count >= 16 else {
        throw HTTPServerError(
          .configuration,
          "the token in \(token.file) is shorter than 16 characters; make one with: openssl rand -base64 32")
      }
      options.tokens.append(
        HTTPServerOptions.Token(secret: secret, models: Set(token.models), scopes: token.scopes))
    }
    if let certificate, let privateKey {
      options.tls = HTTPServerOptions.TLS(certificate: certificate, key: privateKey)
    }
    return options
  }
}

extension HTTPSettings: ConfigurationSection {
  public static let key = "http"
  public static let about = "The HTTP service: dashboard, models, metrics. Off without an address."
  public var isOn: Bool { address != nil }

  public static let table: [SettingKey<Self>] = [
    SettingKey("address", \.address, ValueFormat.text.optional, "`HOST:PORT`, or the path of a Unix socket"),
    SettingKey(
      "tokens",
      "list of `{ file, models, manage, scopes }`: a secret of 16 characters or more in a file or systemd credential; the models that it may use; whether it may change state; or its [scopes](../explanation/security.md#scopes), in place of `manage`",
      standard: "`[]`",
      parse: { (value, settings) throws(DocumentError) in settings.tokens = try tokens(value) },
      lines: { settings in
        guard !settings.tokens.isEmpty else { return [] }
        return [ConfigurationLine("tokens", "")]
          + settings.tokens.map { ConfigurationLine("-", $0.inline, indent: 2) }
      }),
    SettingKey(
      "tls", "`{ certificate, key }`: PEM files",
      parse: { (value, settings) throws(DocumentError) in
        let tls = try value.mapping(keys: ["certificate", "key"])
        settings.certificate = try tls.required("certificate").string()
        settings.privateKey = try tls.required("key").string()
      },
      lines: { settings in
        guard let certificate = settings.certificate, let key = settings.privateKey else { return [] }
        return [
          ConfigurationLine("tls", "{ certificate: \(quotedYAML(certificate)), key: \(quotedYAML(key)) }")
        ]
      }),
    SettingKey(
      "max_body_mb", \.maximumBody,
      ValueFormat.integer(1...1024, "MiB").mapped(to: { $0 << 20 }, from: { $0 >> 20 }),
      "size of a request's body"),
    SettingKey(
      "requests_per_second", \.requestsPerSecond, .number(1...1e6), "rate of requests of one user or machine"),
  ]

  public func validate(_ map: YAMLMapping) throws(DocumentError) { _ = try map.required("address") }

  private static func tokens(_ value: YAMLValue) throws(DocumentError) -> [Token] {
    var tokens: [Token] = []
    for item in try value.list(count: 0...1000) {
      let map = try item.mapping(keys: ["file", "models", "manage", "scopes"])
      if let scopes = map["scopes"], map["manage"] != nil {
        throw scopes.error("a token has 'scopes' or 'manage', not both")
      }
      tokens.append(
        Token(
          file: try map.required("file").string(),
          models: try map["models"].map { (list) throws(DocumentError) in
            try ValueFormat.texts(1...1000).parse(list)
          } ?? [], manages: try map["manage"]?.boolean() ?? false, given: try map["scopes"].map(scopes)))
    }
    return tokens
  }

  private static func scopes(_ value: YAMLValue) throws(DocumentError) -> Set<Scope> {
    var scopes: Set<Scope> = []
    for item in try value.list(count: 1...Scope.allCases.count) {
      scopes.insert(try ValueFormat<Scope>.choice.parse(item))
    }
    return scopes
  }
}

extension HTTPSettings.Token {
  /// YAML on one line.
  fileprivate var inline: String {
    let models = models.isEmpty ? "" : ", models: [\(models.map(quotedYAML).joined(separator: ", "))]"
    let rights =
      given.map { given in
        "scopes: [\(Scope.allCases.filter { given.contains($0) }.map(\.rawValue).joined(separator: ", "))]"
      } ?? "manage: \(manages)"
    return "{ file: \(quotedYAML(file)), \(rights)\(models) }"
  }
}
