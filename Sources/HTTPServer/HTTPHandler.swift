public import Hummingbird

/// A part of the service that answers some addresses. The server offers each request to its handlers in order.
public protocol HTTPHandler: Sendable {
  /// The routes that it serves, as the OpenAPI document lists them.
  static var routes: [HTTPRoute] { get }

  /// Whether answers are quick: a quick handler runs on the connection's event loop, which saves two changes of thread
  /// for each request; others run on the concurrency pool.
  var isQuick: Bool { get }

  /// Answers a request.
  ///
  /// - Parameter body: of the request, whole.
  /// - Returns: nil for an address that the handler does not serve.
  func answer(_ request: Request, body: [UInt8], peer: HTTPPeer) async -> Response?
}

extension HTTPHandler {
  public var isQuick: Bool { false }
}
