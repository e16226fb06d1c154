public import Admission
import Hummingbird

/// The client of a request: the other end of its connection, and its permission.
public struct HTTPPeer: Sendable {
  public enum Permission: Sendable, Equatable {
    /// No tokens are configured: every client that reaches the address.
    case anybody
    /// The client showed a token.
    ///
    /// - Parameters:
    ///   - manages: whether it may change state: load and unload models, record, assign roles.
    ///   - models: names of the models that it may use; nil for all.
    case token(manages: Bool, models: Set<String>?)
    /// Tokens are configured and the client showed none of them.
    case unauthenticated
  }

  /// The user or machine at the other end, as it was when the connection was accepted.
  public var principal: Principal
  public var permission: Permission

  public init(principal: Principal, permission: Permission) {
    self.principal = principal
    self.permission = permission
  }
}

extension HTTPPeer.Permission {
  /// Whether the client may load and unload models.
  public var manages: Bool {
    switch self {
    case .anybody: true
    case .token(let manages, _): manages
    case .unauthenticated: false
    }
  }

  /// Whether the client may use a model.
  public func mayUse(_ model: String) -> Bool {
    switch self {
    case .anybody: true
    case .token(_, let models): models.map { $0.contains(model) } ?? true
    case .unauthenticated: false
    }
  }
}

/// A request's connection.
struct PeerContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let connection: AcceptedConnection

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    // Set for the task that serves the connection. Without it the client has no more rights than an unknown user.
    connection = AcceptedConnection.current ?? AcceptedConnection(.unknown)
  }
}
