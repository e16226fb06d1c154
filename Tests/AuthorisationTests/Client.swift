import Admission
import Authorisation
import Bridge
import HTTPServer
import Sensing
import StrictYAML

/// The clients of the tables, in the order of the columns.
enum Client: CaseIterable {
  /// Root; the bridge's user has the same rights.
  case owner
  /// A user in a group to which the configuration gives `camera`, `microphone` and `manage`.
  case member
  /// A user whom no rule names: `poses` and `controls`.
  case other
  /// A token of all scopes.
  case manager
  /// A token with the scopes `infer` and `metrics`.
  case reader
  /// A client that shows none of the configured tokens.
  case noToken
  /// A program of this machine whose user the kernel did not report.
  case unknown
  /// Another machine, without tokens.
  case machine

  /// The rights as the listeners compute them.
  func rights() throws -> Rights {
    var configuration = Configuration()
    try configuration.apply(
      text: """
        access:
          camera: { groups: ['4000'] }
          microphone: { groups: ['4000'] }
          manage: { groups: ['4000'] }
        """, file: "c")
    let rules = configuration.access.value
    let access = ClientAccess { rules.scopes(user: $0 ?? .max, group: $0 == 4242 ? 4000 : .max) }
    var options = HTTPServerOptions(address: .network(host: "127.0.0.1", port: 0))
    options.tokens = [
      HTTPServerOptions.Token(secret: "manager", scopes: Set(Scope.allCases)),
      HTTPServerOptions.Token(secret: "reader", scopes: [.infer, .metrics]),
    ]
    switch self {
    case .owner: return access.rights(of: .user(0))
    case .member: return access.rights(of: .user(4242))
    case .other: return access.rights(of: .user(4243))
    case .unknown: return access.rights(of: .unknown)
    case .machine: return access.rights(of: .machine([192, 168, 1, 2]))
    case .manager: return options.rights(token: "manager", of: access.rights(of: .user(4243)))
    case .reader: return options.rights(token: "reader", of: access.rights(of: .user(4243)))
    case .noToken: return options.rights(token: "wrong", of: access.rights(of: .user(0)))
    }
  }

  /// The decision on an action as the tables write it: `+`, the scope that is missing, `token` for a missing token, `none`
  /// for a client without scopes, `off` for what the configuration does not permit.
  func decision(on action: Action, _ policy: AccessPolicy) throws -> String {
    guard case .refused(let error) = policy.decision(on: action, by: try rights()) else { return "+" }
    return switch error.cause {
    case .noToken: "token"
    case .noScope: "none"
    case .modelChangesOff: "off"
    case .scopeMissing: error.scope?.rawValue ?? "?"
    }
  }

  /// The decisions on all of several actions: the first that is no `+`.
  static func decisions(on actions: [Action], _ policy: AccessPolicy = AccessPolicy()) throws -> String {
    try allCases.map { client in
      try actions.map { try client.decision(on: $0, policy) }.first { $0 != "+" } ?? "+"
    }.joined(separator: " ")
  }
}
