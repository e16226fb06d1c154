public import Authorisation
public import Hummingbird

/// A part of the service that answers some addresses. The server offers each request to its handlers in order, after
/// `RouteGuard` has permitted it: a handler serves no address that is not among its routes.
public protocol HTTPHandler: Sendable {
  /// The routes that it serves, as the OpenAPI document lists them.
  static var routes: [HTTPRoute] { get }

  /// Whether answers are quick: a quick handler runs on the connection's event loop, which saves two changes of thread
  /// for each request; others run on the concurrency pool.
  var isQuick: Bool { get }

  /// Decides on a request by its head, before its body is read.
  ///
  /// - Returns: nil for an address that the handler does not serve.
  func admission(of request: Request, by rights: Rights) -> HTTPAdmission?

  /// Answers a request that was admitted.
  ///
  /// - Parameter body: of the request, whole.
  /// - Returns: nil for an address that the handler does not serve.
  func answer(_ request: Request, body: [UInt8], by rights: Rights) async -> Response?
}

extension HTTPHandler {
  public var isQuick: Bool { false }
}

/// What is done with a request whose head is known.
public enum HTTPAdmission: Sendable {
  /// The reply is sent; the body is not read.
  case refused(Response)
  /// The body is read and the request answered.
  ///
  /// - Parameter limit: bytes of the body, at most; the configuration may set a lower one.
  case body(limit: Int)

  /// For requests without a body, and for those whose body is a few values.
  public static let small = HTTPAdmission.body(limit: 64 << 10)
  /// For images, audio and tensors: the limit is that of the configuration.
  public static let large = HTTPAdmission.body(limit: .max)
}
