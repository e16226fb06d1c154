public import Bridge
import Foundation
public import Logging
public import ModelService
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
public import ServiceLifecycle
import Spatial

/// Serves the Foxglove WebSocket protocol: Foxglove, Lichtblick and other viewers show a running bridge as they show a
/// session's file, with the same topics and messages.
public struct FoxgloveServer: Service {
  private let options: ServiceOptions
  private let origins: Set<String>
  private let source: LiveSource
  private let hub: FoxgloveHub
  private let rate: Double
  private let log: Logger
  private let onRunning: @Sendable (Int?) -> Void

  /// - Parameters:
  ///   - options: address, tokens, certificate; a token comes as `?token=`, since viewers send no headers.
  ///   - origins: sites whose pages may connect, beside none (programs).
  ///   - rate: poses a second and device.
  /// - Throws: when the address needs what is not configured.
  public init(
    _ options: ServiceOptions, origins: [String], rate: Double, source: LiveSource, version: String,
    log: Logger, onRunning: @escaping @Sendable (Int?) -> Void = { _ in }
  ) throws(ServiceFault) {
    if let problem = options.problem { throw ServiceFault(problem) }
    guard case .network = options.address else {
      throw ServiceFault("a viewer connects to HOST:PORT, not to \(options.address.text)")
    }
    self.options = options
    self.origins = Set(origins)
    self.source = source
    self.rate = rate
    self.log = log
    self.onRunning = onRunning
    hub = FoxgloveHub(version: version, now: source.now.nanoseconds)
  }

  /// Why a request does not become a connection; nil when it may.
  private func refusal(_ head: HTTPRequestHead) -> (HTTPResponseStatus, String)? {
    guard head.headers[canonicalForm: "upgrade"].contains(where: { $0.lowercased() == "websocket" }) else {
      return (
        .upgradeRequired, "this is a port for viewers: open Foxglove and connect to ws://HOST:PORT"
      )
    }
    let host = head.headers.first(name: "host")
    let origin = head.headers.first(name: "origin").flatMap { origins.contains($0) ? nil : $0 }
    if let text = BrowserGuard(options).refusal(host: host, origin: origin, isUnix: false) {
      return (.forbidden, text)
    }
    if !options.tokens.isEmpty, options.permission(token: Self.token(head.uri)) == .stranger {
      return (.unauthorized, "this bridge asks for a token: ws://HOST:PORT/?token=…")
    }
    guard subprotocol(head) != nil else {
      return (.badRequest, "none of the subprotocols \(FoxgloveMessage.subprotocols) was asked for")
    }
    return nil
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
    log.info("viewers are served", metadata: ["address": "\(options.address.text)"])
    onRunning(listener.localAddress?.port)
    await cancelWhenGracefulShutdown {
      await FoxgloveFeed(source: source, hub: hub, rate: rate).run()
    }
    hub.closeAll()
    try? await listener.close()
  }

  private func bind() async throws -> any Channel {
    guard case .network(let host, let port) = options.address else {
      throw ServiceFault("a viewer connects to HOST:PORT")
    }
    let tls = try options.tls.map { try NIOSSLContext(configuration: $0.configuration()) }
    do {
      return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(ChannelOptions.backlog, value: 16)
        .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
        // What waits for a slow viewer: some pictures.
        .childChannelOption(
          ChannelOptions.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20)
        )
        .childChannelInitializer { [self] channel in prepare(channel, tls) }
        .bind(host: host, port: port).get()
    } catch let error as IOError {
      throw ServiceFault(
        "viewers can't be served at \(options.address.text): \(String(cString: strerror(error.errnoCode)))")
    }
  }

  private func prepare(_ channel: any Channel, _ tls: NIOSSLContext?) -> EventLoopFuture<Void> {
    let upgrader = NIOWebSocketServerUpgrader(
      maxFrameSize: 64 << 10,
      shouldUpgrade: { channel, head in
        guard refusal(head) == nil, let chosen = subprotocol(head) else {
          return channel.eventLoop.makeSucceededFuture(nil)
        }
        return channel.eventLoop.makeSucceededFuture(["Sec-WebSocket-Protocol": chosen])
      },
      upgradePipelineHandler: { channel, head in
        let peer = HTTPPeer(
          remote: channel.remoteAddress.flatMap { a in a.ipAddress.flatMap { i in a.port.map { (i, $0) } } },
          local: channel.localAddress.flatMap { a in a.ipAddress.flatMap { i in a.port.map { (i, $0) } } },
          permission: options.permission(token: Self.token(head.uri)))
        return channel.eventLoop.makeCompletedFuture {
          guard let number = hub.join(channel, scopes: source.scopes(of: peer) ?? []) else {
            // The handshake is done: nobody is left who could read a reason.
            channel.close(promise: nil)
            return
          }
          try channel.pipeline.syncOperations.addHandlers([
            NIOWebSocketFrameAggregator(
              minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 64, maxAccumulatedFrameSize: 256 << 10),
            FoxgloveConnection(hub: hub, number: number),
          ])
        }
      })
    return channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
      let refusing = FoxgloveRefusal { [self] in
        refusal($0) ?? (.badRequest, "the WebSocket handshake is not complete")
      }
      let bound = NIOLoopBound(refusing, eventLoop: channel.eventLoop)
      // Who connects and asks for nothing holds a descriptor no longer than this.
      let patience = channel.eventLoop.scheduleTask(in: .seconds(10)) { channel.close(promise: nil) }
      try pipeline.configureHTTPServerPipeline(
        withServerUpgrade: (
          upgraders: [upgrader],
          completionHandler: { _ in
            patience.cancel()
            channel.pipeline.syncOperations.removeHandler(bound.value, promise: nil)
          }
        ))
      try pipeline.addHandler(refusing)
    }
  }
}
