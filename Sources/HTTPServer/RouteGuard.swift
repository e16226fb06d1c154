public import Authorisation
public import Hummingbird

/// Decides on requests by their route and the rights of the client, before a handler gets them.
public struct RouteGuard: Sendable {
  private let table: RouteTable<Action>
  private let policy: AccessPolicy

  /// - Parameter routes: of all handlers, in the order in which requests are offered to them.
  public init(_ routes: [HTTPRoute], policy: AccessPolicy) {
    table = RouteTable(routes.map { ($0, .route($0.action)) })
    self.policy = policy
  }

  /// Returns the reply to a request that is refused; nil for one that is permitted.
  public func refusal(of request: Request, by rights: Rights) -> Response? {
    switch table.match(request.method, request.uri.path) {
    case .operation(let action, _):
      guard case .refused(let error) = policy.decision(on: action, by: rights) else { return nil }
      return HTTPReply.refused(error).response
    // Which addresses exist is not published to a client without a token.
    case .wrongMethod where rights.origin == .noToken, .none where rights.origin == .noToken:
      return HTTPReply.refused(.noToken).response
    case .wrongMethod(let allowed): return HTTPReply.methodNotAllowed(allowed: allowed).response
    case .none: return HTTPReply.notFound(request.uri.path).response
    }
  }
}
