/// Refuses requests that a browser sends on behalf of another site's page.
///
/// A name that its owner points at 127.0.0.1 ("DNS rebinding") appears in `Host`; a request from another site's page
/// carries `Origin`. Programs other than browsers send no `Origin`, and send the configured address as `Host`.
public struct BrowserGuard: Sendable {
  private let hasTokens: Bool

  /// - Parameter options: with tokens every host name is admitted, since a request without one is refused anyway.
  public init(_ options: HTTPServerOptions) {
    hasTokens = !options.tokens.isEmpty
  }

  /// Returns the reason to refuse a request; nil to admit it.
  ///
  /// - Parameters:
  ///   - host: of the request, `name[:port]`.
  ///   - origin: nil for none.
  ///   - isUnix: whether the request came through a Unix socket, which no browser reaches.
  public func refusal(host: String?, origin: String?, isUnix: Bool) -> String? {
    if isUnix { return nil }
    if let origin, origin != "null" || !hasTokens {
      let own = host.map { ["http://\($0)", "https://\($0)"] } ?? []
      guard own.contains(origin.lowercased()) || own.contains(origin) else {
        return "a page of \(origin.prefix(100)) may not use this service"
      }
    }
    guard hasTokens || Self.isLoopback(host ?? "") else {
      return
        "this service answers to the host name localhost; configure 'http: tokens' to admit other names"
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
