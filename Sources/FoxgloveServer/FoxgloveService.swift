import Admission
import Authorisation
import Diagnostics
import Foundation
public import LiveState
public import Logging
public import HTTPServer
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import Sensing
public import ServiceLifecycle
import Spatial

/// Serves the Foxglove WebSocket protocol: Foxglove, Lichtblick and other viewers show a running bridge as they show a
/// session file, with the same topics and messages.
public struct FoxgloveService: Service {
  private let options: HTTPServerOptions
  private let origins: [OriginPattern]
  private let state: any BridgeState
  private let hub: FoxgloveHub
  private let rate: Double
  private let log: Logger
  private let onRunning: @Sendable (Int?) -> Void
  private let gate: ConnectionGate

  /// Viewers at a time.
  static let maximumClients = 16

  /// - Parameters:
  ///   - options: address, tokens, certificate; a token comes as `?token=`, since viewers send no headers.
  ///   - version: the product's, for viewers.
  ///   - onRunning: called with the port once the server listens.
  /// - Throws: when the address needs options that are not set.
  public init(
    _ settings: FoxgloveSettings, options: HTTPServerOptions, state: any BridgeState, version: String,
    log: Logger, onRunning: @escaping @Sendable (Int?) -> Void = { _ in }
  ) throws(HTTPServerError) {
    if let problem = options.problem { throw HTTPServerError(.configuration, problem) }
    guard case .network = options.address else {
      throw HTTPServerError(
        .configuration, "viewers connect to HOST:PORT; '\(options.address.text)' is none")
    }
    self.options = options
    origins = settings.origins.compactMap { OriginPattern($0) }
    self.state = state
    rate = settings.rate
    self.log = log
    self.onRunning = onRunning
    gate = ConnectionGate(
      "Foxglove", limits: AdmissionControl.Limits(total: Self.maximumClients), timeouts: options.timeouts,
      access: options.tokens.isEmpty ? state.access : nil, log: log)
    hub = FoxgloveHub(version: version, now: state.now.nanoseconds, policy: state.access.policy)
  }

  /// Returns the status and the reason of a refusal; nil for a request that may become a connection.
  private func refusal(
    _ head: HTTPRequestHead, _ connection: AcceptedConnection
  ) -> (HTTPResponseStatus, String)? {
    guard head.headers[canonicalForm: "upgrade"].contains(where: { $0.lowercased() == "websocket" }) else {
      return (
        .upgradeRequired, "this port serves viewers; open Foxglove and connect to ws://HOST:PORT"
      )
    }
    let host = head.headers.first(name: "host")
    let origin = head.headers.first(name: "origin").flatMap { origin in
      origins.contains { $0.matches(origin) } ? nil : origin
    }
    let browsers = BrowserGuard(options)
    if let text = browsers.refusal(host: host, origin: origin, isUnix: false) {
      guard let origin, browsers.refusal(host: host, origin: nil, isUnix: false) == nil else {
        return (.forbidden, text)
      }
      return (.forbidden, "\(text); to admit it, add '\(origin.prefix(100))' to 'foxglove: origins'")
    }
    let decision = state.access.policy.decision(on: .connect(.foxglove), by: rights(head, connection))
    if case .refused(let error) = decision {
      if error.cause == .noToken {
        return (.unauthorized, "this bridge requires a token: ws://HOST:PORT/?token=…")
      }
      return (.forbidden, error.description)
    }
    guard subprotocol(head) != nil else {
      return (.badRequest, "the client offers none of the subprotocols \(FoxgloveMessage.subprotocols)")
    }
    return nil
  }

  private func rights(_ head: HTTPRequestHead, _ connection: AcceptedConnection) -> Rights {
    options.rights(token: Self.token(head.uri), of: connection.rights)
  }

  private func subprotocol(_ head: HTTPRequestHead) -> String? {
    let offered = head.headers[canonicalForm: "sec-websocket-protocol"].map(String.init)
    return FoxgloveMessage.subprotocols.first { offered.contains($0) }
  }

  private static func token(_ uri: String) -> String? {
    URLComponents(string: uri)?.queryItems?.first { $0.name == "token" }?.value
  }

  public func run() async throws {
    let listener = try await bind()
    try await gate.guardListener(
      listener,
      answer: Self.refusal(AdmissionError("this bridge has no file descriptor left; try again later")))
    log.info("viewers are served", metadata: ["address": "\(options.address.text)"])
    onRunning(listener.localAddress?.port)
    await cancelWhenGracefulShutdown {
      await FoxgloveFeed(state: state, hub: hub, rate: rate).run()
    }
    hub.closeAll()
    try? await listener.close()
  }

  /// The reply to a client that is not admitted.
  private static func refusal(_ reason: AdmissionError) -> [UInt8] {
    HTTPReply.unavailable(reason).bytes
  }

  private func bind() async throws -> any Channel {
    guard case .network(let host, let port) = options.address else {
      throw HTTPServerError(.configuration, "viewers connect to HOST:PORT")
    }
    let tls = try options.tls.map { tls in
      do { return try NIOSSLContext(configuration: tls.configuration()) } catch let error as any CodedError {
        throw error
      } catch {
        throw HTTPServerError(.certificate, "TLS can't be served with \(tls.certificate): \(error.reason)")
      }
    }
    do {
      return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(ChannelOptions.backlog, value: 16)
        .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        // Bytes that wait for a slow viewer: a few images.
        .childChannelOption(
          ChannelOptions.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20)
        )
        .childChannelInitializer { [self] channel in prepare(channel, tls) }
        .bind(host: host, port: port).get()
    } catch {
      throw HTTPServerError.unavailable(
        "Foxglove", options.address, error, setting: "--foxglove or 'foxglove: address'")
    }
  }

  private func prepare(_ channel: any Channel, _ tls: NIOSSLContext?) -> EventLoopFuture<Void> {
    let connection = channel.eventLoop.makeCompletedFuture { () throws -> AcceptedConnection? in
      let admitted = Result { () throws(any Error) in try gate.admit(channel) }
      if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
      switch admitted {
      case .success(let connection):
        try serve(channel, connection)
        return connection
      case .failure(let error as AdmissionError):
        try gate.refuse(channel, answer: Self.refusal(error))
        return nil
      case .failure(let error): throw error
      }
    }
    return connection.flatMap { [gate] connection in
      connection.map { gate.identify($0, on: channel.eventLoop) }
        ?? channel.eventLoop.makeSucceededVoidFuture()
    }
  }

  /// Adds the handlers of the handshake.
  private func serve(_ channel: any Channel, _ connection: AcceptedConnection) throws {
    // A client that sends no request is disconnected, to free its descriptor.
    connection.expect(within: options.timeouts.head, orElse: "no WebSocket handshake came")
    let upgrader = NIOWebSocketServerUpgrader(
      maxFrameSize: 64 << 10,
      shouldUpgrade: { channel, head in
        guard refusal(head, connection) == nil, let chosen = subprotocol(head) else {
          return channel.eventLoop.makeSucceededFuture(nil)
        }
        return channel.eventLoop.makeSucceededFuture(["Sec-WebSocket-Protocol": chosen])
      },
      upgradePipelineHandler: { channel, head in
        channel.eventLoop.makeCompletedFuture {
          let number = hub.join(channel, rights(head, connection))
          try channel.pipeline.syncOperations.addHandlers([
            NIOWebSocketFrameAggregator(
              minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 64, maxAccumulatedFrameSize: 256 << 10),
            FoxgloveConnection(hub: hub, number: number),
          ])
        }
      })
    let pipeline = channel.pipeline.syncOperations
    let refusing = FoxgloveRefusal { [self] in
      let refused = refusal($0, connection) ?? (.badRequest, "the WebSocket handshake is not complete")
      if [.forbidden, .unauthorized].contains(refused.0) {
        gate.reportRefusal(of: connection.principal, refused.1)
      }
      return refused
    }
    let bound = NIOLoopBound(refusing, eventLoop: channel.eventLoop)
    try pipeline.configureHTTPServerPipeline(
      withServerUpgrade: (
        upgraders: [upgrader],
        completionHandler: { _ in
          connection.expectNothing()
          channel.pipeline.syncOperations.removeHandler(bound.value, promise: nil)
        }
      ))
    try pipeline.addHandler(refusing)
  }
}
