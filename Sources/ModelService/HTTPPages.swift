public import Hummingbird
import NIOCore

/// Who asks.
public struct HTTPPeer: Sendable {
  public enum Permission: Sendable, Equatable {
    /// No tokens are configured: whoever reaches the address.
    case anybody
    /// It showed a token.
    case token(manages: Bool)
    /// Tokens are configured and it showed none.
    case stranger
  }
  /// The program's own end of the connection and ours; nil for a Unix socket.
  public var remote: (address: String, port: Int)?
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

/// Addresses beside the models'.
public protocol HTTPPages: Sendable {
  /// - Returns: nil for an address that is not its own.
  func answer(_ request: Request, body: [UInt8], peer: HTTPPeer) async -> Response?
}

/// A request's connection, for those who must know who is at its other end.
struct PeerContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let remote: (address: String, port: Int)?
  let local: (address: String, port: Int)?

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    func place(_ address: SocketAddress?) -> (String, Int)? {
      guard let host = address?.ipAddress, let port = address?.port else { return nil }
      return (host, port)
    }
    remote = place(source.channel.remoteAddress)
    local = place(source.channel.localAddress)
  }
}

/// What a browser is kept from: pages of other sites that reach for this service through it.
///
/// A name that some site's owner points at 127.0.0.1 ("DNS rebinding") shows in `Host`; a request from another site's
/// page shows in `Origin`. Programs that are no browsers send no `Origin`, and the address they were given as `Host`.
public struct BrowserGuard: Sendable {
  private let isOpen: Bool

  /// - Parameter options: with tokens any name may lead here: without one nothing is answered.
  public init(_ options: ServiceOptions) {
    isOpen = !options.tokens.isEmpty
  }

  /// - Parameters:
  ///   - host: of the request, `name[:port]`.
  ///   - origin: nil for none.
  ///   - isUnix: came through a socket that no browser reaches.
  /// - Returns: why it is refused.
  public func refusal(host: String?, origin: String?, isUnix: Bool) -> String? {
    if isUnix { return nil }
    if let origin, origin != "null" || !isOpen {
      let own = host.map { ["http://\($0)", "https://\($0)"] } ?? []
      guard own.contains(origin.lowercased()) || own.contains(origin) else {
        return "a page of \(origin.prefix(100)) may not reach this service"
      }
    }
    guard isOpen || Self.isLoopback(host ?? "") else {
      return "this service answers on localhost; 'http: tokens' in the configuration allow other names"
    }
    return nil
  }

  static func isLoopback(_ host: String) -> Bool {
    var name = host.lowercased()
    if name.hasPrefix("[") { return name == "[::1]" || name.hasPrefix("[::1]:") }
    if let colon = name.lastIndex(of: ":") { name = String(name[..<colon]) }
    if name == "localhost" || name.hasSuffix(".localhost") { return true }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}
