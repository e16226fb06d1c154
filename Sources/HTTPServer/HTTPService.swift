import Foundation
import Glibc
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Logging
import NIOCore
public import ServiceLifecycle

/// Serves handlers over HTTP, with limits on rate and size, access by token, and protection from other sites' pages.
public struct HTTPService: Service {
  private let options: HTTPServerOptions
  private let handlers: [any HTTPHandler]
  private let log: Logger
  private let onRunning: @Sendable (Int?) -> Void

  /// - Parameters:
  ///   - handlers: in the order in which a request is offered to them.
  ///   - onRunning: called with the port (nil for a Unix socket) once the server listens.
  /// - Throws: `HTTPServerError` when the address needs options that are not set.
  public init(
    _ options: HTTPServerOptions, handlers: [any HTTPHandler], log: Logger,
    onRunning: @escaping @Sendable (Int?) -> Void = { _ in }
  ) throws(HTTPServerError) {
    if let problem = options.problem { throw HTTPServerError(.configuration, problem) }
    self.options = options
    self.handlers = handlers
    self.log = log
    self.onRunning = onRunning
  }

  public func run() async throws {
    let limit = RateLimit(options.requestsPerSecond)
    let browsers = BrowserGuard(options)
    let responder = CallbackResponder<PeerContext> { [self] request, context in
      guard limit.admits() else {
        let message =
          "this service takes \(options.requestsPerSecond) requests a second; send fewer, or raise 'http: requests_per_second'"
        return HTTPReply.error(.tooManyRequests, HTTPRequestError(.tooManyRequests, message)).response
      }
      if let refusal = browsers.refusal(
        host: request.head.authority, origin: request.headers[.origin], isUnix: options.address.isUnix)
      {
        return HTTPReply.error(.forbidden, HTTPRequestError(.originRefused, refusal)).response
      }
      let body: [UInt8]
      do {
        let buffer = try await request.body.collect(upTo: options.maximumBody)
        body = Array(buffer.readableBytesView)
      } catch {
        let message =
          "a body has at most \(options.maximumBody) bytes; send less, or raise 'http: max_body_mb'"
        return HTTPReply.error(.contentTooLarge, HTTPRequestError(.bodyTooLarge, message)).response
      }
      return await answer(request, body, context)
    }
    var quiet = log
    quiet.logLevel = max(log.logLevel, .warning)
    let application = Application(
      responder: responder, server: try server(),
      configuration: ApplicationConfiguration(address: try bindAddress(), serverName: nil),
      onServerRunning: { [log, onRunning, options] channel in
        let port = channel.localAddress?.port
        log.info("HTTP is served", metadata: ["address": "\(options.address.text)"])
        if case .unix(let path) = options.address { chmod(path, 0o660) }
        onRunning(port)
      }, logger: quiet)
    do { try await application.run() } catch let error as IOError {
      throw HTTPServerError(
        .address,
        "HTTP can't be served at \(options.address.text): \(String(cString: strerror(error.errnoCode))); choose another address with --http or 'http: address'"
      )
    }
  }

  private func answer(_ request: Request, _ body: [UInt8], _ context: PeerContext) async -> Response {
    let permission = options.permission(header: request.headers[.authorization])
    let peer = HTTPPeer(remote: context.remote, local: context.local, permission: permission)
    for handler in handlers {
      let response: Response? =
        if handler.isQuick {
          await handler.answer(request, body: body, peer: peer)
        } else {
          await withTaskExecutorPreference(globalConcurrentExecutor) {
            await handler.answer(request, body: body, peer: peer)
          }
        }
      if let response { return response }
    }
    // Which addresses exist is not published to a client without a token.
    if permission == .unauthenticated { return HTTPReply.unauthorized.response }
    return HTTPReply.notFound(request.uri.path).response
  }

  /// Returns the address to bind, after removing the socket that a killed server left. A file of another kind is kept.
  private func bindAddress() throws -> BindAddress {
    switch options.address {
    case .network(let host, let port): return .hostname(host, port: port)
    case .unix(let path):
      // The attributes of the path itself: a symbolic link is not followed.
      if let attributes = try? FileManager.default.attributesOfItem(atPath: path) {
        guard attributes[.type] as? FileAttributeType == .typeSocket else {
          throw HTTPServerError(
            .address, "HTTP can't be served at \(path): the file there is no socket; choose another path")
        }
        unlink(path)
      }
      return .unixDomainSocket(path: path)
    }
  }

  private func server() throws -> HTTPServerBuilder {
    let plain = HTTPServerBuilder { LoopChannel(base: HTTP1Channel(responder: $0)) }
    guard let tls = options.tls else { return plain }
    do {
      return try .tls(plain, tlsConfiguration: try tls.configuration())
    } catch let error as HTTPServerError {
      throw error
    } catch {
      throw HTTPServerError(.certificate, "TLS can't be served with \(tls.certificate): \(error)")
    }
  }
}
