import Hummingbird
import NIOCore

/// The client of a request: both ends of its connection, and its permission.
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

  /// The client's end of the connection; nil for a Unix socket.
  public var remote: (address: String, port: Int)?
  /// The server's end of the connection; nil for a Unix socket.
  public var local: (address: String, port: Int)?
  public var permission: Permission

  public init(
    remote: (address: String, port: Int)?, local: (address: String, port: Int)?, permission: Permission
  ) {
    self.remote = remote
    self.local = local
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

/// A request's connection, for handlers that check its other end.
struct PeerContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let remote: (address: String, port: Int)?
  let local: (address: String, port: Int)?

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    func end(_ address: SocketAddress?) -> (String, Int)? {
      guard let host = address?.ipAddress, let port = address?.port else { return nil }
      return (host, port)
    }
    remote = end(source.channel.remoteAddress)
    local = end(source.channel.localAddress)
  }
}
