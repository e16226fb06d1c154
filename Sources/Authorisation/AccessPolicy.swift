import Sensing

/// Decides on every action of every client. A value: the same rights always give the same decision.
public struct AccessPolicy: Sendable, Hashable {
  public enum Decision: Sendable, Hashable {
    case permitted
    case refused(AuthorisationError)
  }

  /// Whether clients with the scope `manage` may load and unload models: `models: allow_dynamic_load`.
  public var allowsModelChanges: Bool

  public init(allowsModelChanges: Bool = false) { self.allowsModelChanges = allowsModelChanges }

  /// Decides on an action.
  public func decision(on action: Action, by rights: Rights) -> Decision {
    let requirement = action.requirement
    if case .nothing = requirement { return .permitted }
    if rights.origin == .noToken { return .refused(.noToken) }
    guard !rights.scopes.isEmpty else { return .refused(.noScope(rights)) }
    switch requirement {
    case .nothing, .anyScope: return .permitted
    case .all(let scopes): return decision(scopes.first { !rights.scopes.contains($0) }, rights)
    case .oneOf(let scopes):
      return decision(rights.scopes.isDisjoint(with: scopes) ? scopes.first : nil, rights)
    case .modelChange:
      guard rights.scopes.contains(.manage) else { return decision(.manage, rights) }
      return allowsModelChanges ? .permitted : .refused(.modelChangesOff)
    }
  }

  private func decision(_ missing: Scope?, _ rights: Rights) -> Decision {
    missing.map { .refused(.missing($0, rights)) } ?? .permitted
  }

  public func permits(_ action: Action, by rights: Rights) -> Bool {
    decision(on: action, by: rights) == .permitted
  }

  /// - Throws: when the action is refused.
  public func require(_ action: Action, by rights: Rights) throws(AuthorisationError) {
    if case .refused(let error) = decision(on: action, by: rights) { throw error }
  }
}
