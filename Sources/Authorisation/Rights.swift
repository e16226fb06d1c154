public import Admission
public import Sensing

/// The rights of a client: its principal, its scopes, and the models that it may use.
public struct Rights: Sendable, Hashable {
  /// What the scopes come from.
  public enum Origin: Sendable, Hashable {
    /// `access:` in the configuration, by user and group.
    case accessRules
    /// The token that the client showed.
    case token
    /// The client showed none of the configured tokens.
    case noToken
    /// Speech at a microphone of the bridge.
    case speech
  }

  public let principal: Principal
  public let origin: Origin
  public let scopes: Set<Scope>
  /// Names of the models that the client may use; nil for all.
  public let models: Set<String>?

  public init(
    _ principal: Principal, _ origin: Origin = .accessRules, scopes: Set<Scope>, models: Set<String>? = nil
  ) {
    self.principal = principal
    self.origin = origin
    self.scopes = origin == .noToken ? [] : scopes
    self.models = models
  }

  /// The rights of a person who speaks.
  ///
  /// - Parameter manages: whether spoken commands may recentre and record: `speech: manage`.
  public static func speech(manages: Bool) -> Rights {
    Rights(.speaker, .speech, scopes: manages ? [.microphone, .camera, .manage] : [.microphone, .camera])
  }

  /// Whether the client may use a model.
  public func mayUse(_ model: String) -> Bool { models.map { $0.contains(model) } ?? true }
}
