import Admission
import Authorisation
import HTTPTypes
import Hummingbird

/// Answers requests: decides by the head and the rights of the client, then reads the body, then calls the handler of the
/// route.
struct RequestResponder: Sendable {
  private let options: HTTPServerOptions
  private let handlers: [any HTTPHandler]
  private let rate: RateLimit
  private let browsers: BrowserGuard
  private let bodies: BodyReader
  private let routes: RouteGuard

  /// Of the rest of a refused request: what is read so that the client gets the reply.
  private static let rest = (size: 1 << 20, time: Duration.seconds(2))
  private static let shortRest = 64 << 10

  init(_ options: HTTPServerOptions, policy: AccessPolicy, handlers: [any HTTPHandler]) {
    self.options = options
    self.handlers = handlers
    rate = RateLimit(options.requestsPerSecond)
    browsers = BrowserGuard(options)
    bodies = BodyReader(maximum: options.maximumBody)
    routes = RouteGuard(handlers.flatMap { type(of: $0).routes }, policy: policy)
  }

  func respond(to request: Request, connection: AcceptedConnection) async -> Response {
    connection.expectNothing()
    let rights = options.rights(header: request.headers[.authorization], of: connection.rights)
    if let refusal = refusal(request, rights) ?? routes.refusal(of: request, by: rights) {
      return refused(refusal, request, connection)
    }
    for handler in handlers {
      switch handler.admission(of: request, by: rights) {
      case nil: continue
      case .refused(let response): return refused(response, request, connection)
      case .body(let limit):
        return await answer(request, limit, handler, rights, connection)
      }
    }
    return refused(HTTPReply.notFound(request.uri.path).response, request, connection)
  }

  /// Returns the reply to a request that no handler may see.
  private func refusal(_ request: Request, _ rights: Rights) -> Response? {
    guard rate.admits(rights.principal) else {
      let message =
        "this service takes \(options.requestsPerSecond) requests a second of one user or machine; send fewer, or raise 'http: requests_per_second'"
      return HTTPReply.error(.tooManyRequests, HTTPRequestError(.tooManyRequests, message)).response
    }
    if let refusal = browsers.refusal(
      host: request.head.authority, origin: request.headers[.origin], isUnix: options.address.isUnix)
    {
      return HTTPReply.error(.forbidden, HTTPRequestError(.originRefused, refusal)).response
    }
    return nil
  }

  private func answer(
    _ request: Request, _ limit: Int, _ handler: any HTTPHandler, _ rights: Rights,
    _ connection: AcceptedConnection
  ) async -> Response {
    let size = min(request.announcedBody ?? limit, options.maximumBody)
    if size > 0 {
      connection.expect(
        within: options.timeouts.body + .seconds(size >> 20), orElse: "the body of a request came too slowly")
    }
    let body: BodyReader.Body
    do throws(HTTPRequestError) {
      body = try await bodies.read(request, limit: limit, of: rights.principal)
    } catch {
      var response = HTTPReply.error(error.status, error).response
      if error.cause == .encodingUnsupported { response.headers[.acceptEncoding] = ContentCoding.accepted }
      return refused(response, request, connection)
    }
    connection.expectNothing()
    defer { connection.expectRequest(within: options.timeouts.idle) }
    let response: Response? =
      if handler.isQuick {
        await handler.answer(request, body: body.bytes, by: rights)
      } else {
        await withTaskExecutorPreference(globalConcurrentExecutor) {
          await handler.answer(request, body: body.bytes, by: rights)
        }
      }
    withExtendedLifetime(body.share) {}
    return response ?? HTTPReply.notFound(request.uri.path).response
  }

  /// Completes the reply to a request whose body is not read.
  private func refused(
    _ response: Response, _ request: Request, _ connection: AcceptedConnection
  ) -> Response {
    // A short rest is skipped, and the connection goes on.
    if let size = request.announcedBody, size <= Self.shortRest {
      connection.expectRequest(within: options.timeouts.idle)
      return response
    }
    connection.expectRest(of: Self.rest.size, within: Self.rest.time)
    var response = response
    response.headers[.connection] = "close"
    return response
  }
}

extension HTTPRequestError {
  /// The status of a body that could not be read.
  fileprivate var status: HTTPResponse.Status {
    switch cause {
    case .bodyTooLarge: .contentTooLarge
    case .bodiesInUse: .serviceUnavailable
    case .encodingUnsupported: .unsupportedMediaType
    default: .badRequest
    }
  }
}
