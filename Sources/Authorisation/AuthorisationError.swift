import Admission
public import Diagnostics
public import Sensing

/// An action of a client is refused.
public struct AuthorisationError: CodedError, Sendable, Hashable {
  public enum Cause: String, Sendable {
    /// The client showed none of the configured tokens
    case noToken = "http-unauthorized"
    /// The user has no scope at all
    case noScope = "user-without-scopes"
    /// The client lacks a scope that the request needs
    case scopeMissing = "scope-missing"
    /// The configuration does not permit clients to load and unload models
    case modelChangesOff = "model-changes-off"
  }

  public let cause: Cause
  /// The scope that is missing; nil for another cause.
  public let scope: Scope?
  public let description: String
  public var code: String { cause.rawValue }

  private init(_ cause: Cause, _ scope: Scope?, _ description: String) {
    self.cause = cause
    self.scope = scope
    self.description = description
  }

  public static let noToken = AuthorisationError(
    .noToken, nil, "this service needs a token: Authorization: Bearer …")

  static let modelChangesOff = AuthorisationError(
    .modelChangesOff, nil,
    "clients may not load or unload models; allow it with 'models: allow_dynamic_load' in the bridge's configuration"
  )

  static func noScope(_ rights: Rights) -> AuthorisationError {
    AuthorisationError(.noScope, nil, "\(party(rights)) has no scope; \(remedy(rights))")
  }

  static func missing(_ scope: Scope, _ rights: Rights) -> AuthorisationError {
    AuthorisationError(
      .scopeMissing, scope, "this action needs the scope '\(scope.rawValue)'; \(remedy(rights))")
  }

  private static func party(_ rights: Rights) -> String {
    switch rights.principal {
    case .user(let number): "user \(number)"
    case .machine: "a client of another machine"
    case .unknown: "a client whose user is unknown"
    case .speaker: "speech"
    }
  }

  /// What gives the right.
  private static func remedy(_ rights: Rights) -> String {
    switch rights.origin {
    case .accessRules: "grant it under 'access' in the bridge's configuration"
    case .token, .noToken: "use a token that has it ('http: tokens' in the bridge's configuration)"
    case .speech: "allow it with 'speech: manage' in the bridge's configuration"
    }
  }
}
