import Admission
public import Authorisation
import CLinux
import Diagnostics
import Glibc
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Logging
import NIOCore
public import ServiceLifecycle

/// Serves handlers over HTTP, with limits on rate and size, access by user or token, and protection from other sites' pages.
public struct HTTPService: Service {
  private let options: HTTPServerOptions
  private let access: ClientAccess
  private let handlers: [any HTTPHandler]
  private let log: Logger
  private let onRunning: @Sendable (Int?) -> Void

  /// - Parameters:
  ///   - access: of clients that show no token, and the policy for all.
  ///   - handlers: in the order in which a request is offered to them.
  ///   - onRunning: called with the port (nil for a Unix socket) once the server listens.
  /// - Throws: `HTTPServerError` when the address needs options that are not set.
  public init(
    _ options: HTTPServerOptions, access: ClientAccess = .owners, handlers: [any HTTPHandler], log: Logger,
    onRunning: @escaping @Sendable (Int?) -> Void = { _ in }
  ) throws(HTTPServerError) {
    if let problem = options.problem { throw HTTPServerError(.configuration, problem) }
    self.options = options
    self.access = access
    self.handlers = handlers
    self.log = log
    self.onRunning = onRunning
  }

  public func run() async throws {
    let requests = RequestResponder(options, policy: access.policy, handlers: handlers)
    let responder = CallbackResponder<PeerContext> { request, context in
      await requests.respond(to: request, connection: context.connection)
    }
    var quiet = log
    quiet.logLevel = max(log.logLevel, .warning)
    let gate = ConnectionGate(
      "HTTP", limits: AdmissionControl.Limits(total: options.maximumConnections), timeouts: options.timeouts,
      access: options.tokens.isEmpty ? access : nil, log: log)
    let claim = try claim()
    // The paths of an error and of a cancelled start; a running service has released it.
    defer { claim?.release() }
    let application = Application(
      responder: responder, server: try server(gate),
      configuration: ApplicationConfiguration(address: bindAddress, serverName: nil),
      onServerRunning: { [log, onRunning, options] channel in
        do { try await gate.guardListener(channel, answer: Self.noDescriptors.bytes) } catch {
          // The listener was closed already.
          return
        }
        let port = channel.localAddress?.port
        log.info("HTTP is served", metadata: ["address": "\(options.address.text)"])
        if case .unix(let path) = options.address {
          let problem = linux_socket_access(path, 0o660, .max)
          if problem != 0 {
            log.warning(
              "the mode of the HTTP socket can't be set, so other users of its group can't connect",
              metadata: ["path": "\(path)", "reason": "\(String(cString: strerror(problem)))"])
          }
        }
        claim?.release()
        onRunning(port)
      }, logger: quiet)
    do {
      try await application.run()
    } catch let error as any CodedError {
      throw error
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      throw HTTPServerError.unavailable("HTTP", options.address, error, setting: "--http or 'http: address'")
    }
  }

  /// The reply to a client that comes while the process has no file descriptor left.
  private static let noDescriptors = HTTPReply.error(
    .serviceUnavailable, AdmissionError("this service has no file descriptor left; try again later"))

  private var bindAddress: BindAddress {
    switch options.address {
    case .network(let host, let port): .hostname(host, port: port)
    case .unix(let path): .unixDomainSocket(path: path)
    }
  }

  /// Claims the path of a Unix socket, until the server listens.
  private func claim() throws(HTTPServerError) -> SocketClaim? {
    guard case .unix(let path) = options.address else { return nil }
    do throws(SocketClaimError) { return try SocketClaim(path) } catch {
      let remedy = error.cause == .inUse ? "stop it" : "remove it"
      throw HTTPServerError(
        .address, "HTTP can't be served: \(error.description); \(remedy), or choose another path")
    }
  }

  private func server(_ gate: ConnectionGate) throws -> HTTPServerBuilder {
    let plain = HTTPServerBuilder { [options] in
      LoopChannel(base: HTTP1Channel(responder: $0), gate: gate, headTime: options.timeouts.head)
    }
    guard let tls = options.tls else { return plain }
    do {
      return try .tls(plain, tlsConfiguration: try tls.configuration())
    } catch let error as any CodedError {
      throw error
    } catch {
      throw HTTPServerError(.certificate, "TLS can't be served with \(tls.certificate): \(error.reason)")
    }
  }
}
