import Admission
import HTTPServer
import NIOCore
import NIOPosix

/// Connects to clients that request it by datagram: "HOST PORT" names the port where the client listens.
///
/// Datagrams cost their sender nothing, so attempts are few at a time, and so are the connections of one sender. All count
/// among those of the listener.
final class VRPNConnector: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>

  private let hub: VRPNHub
  private let gate: ConnectionGate
  private let listener: SocketAddress?
  private var attempts = 0
  /// Connections of each sender, with those that are being opened.
  private var connections: [Principal: Int] = [:]

  /// Connections that are being opened.
  private static let maximumAttempts = 4
  /// Connections of one sender, which has another machine's address or is this machine.
  static let maximumConnections = 4

  /// - Parameter listener: the address of the server, which is no client of its own.
  init(hub: VRPNHub, gate: ConnectionGate, listener: SocketAddress?) {
    self.hub = hub
    self.gate = gate
    self.listener = listener
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let envelope = unwrapInboundIn(data)
    let text = String(decoding: envelope.data.readableBytesView.prefix(256).prefix { $0 != 0 }, as: UTF8.self)
    // The connection goes to the datagram's sender: the host in the text may be another machine.
    guard attempts < Self.maximumAttempts, let port = text.split(separator: " ").last.flatMap({ UInt16($0) }),
      port >= 1024, let host = envelope.remoteAddress.ipAddress,
      !(Int(port) == listener?.port && isThisMachine(host))
    else { return }
    let sender = gate.sender(of: envelope.remoteAddress, to: listener)
    guard connections[sender, default: 0] < Self.maximumConnections else { return }
    attempts += 1
    connections[sender, default: 0] += 1
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    ClientBootstrap(group: context.eventLoop)
      .connectTimeout(.seconds(2))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(ChannelOptions.writeBufferWaterMark, value: VRPNServer.waterMark)
      .channelInitializer { [hub, gate] channel in
        channel.eventLoop.makeCompletedFuture {
          let connection = try gate.admit(channel, as: sender)
          try channel.pipeline.syncOperations.addHandler(
            VRPNConnection(hub: hub, gate: gate, connection: connection))
          return connection
        }
        .flatMap { gate.identify($0, on: channel.eventLoop) }
      }
      .connect(host: host, port: Int(port))
      .whenComplete { result in
        bound.value.attempts -= 1
        guard case .success(let channel) = result else { return bound.value.release(sender) }
        // The group of the bootstrap is one loop, so this is on it.
        channel.closeFuture.whenComplete { _ in bound.value.release(sender) }
      }
  }

  /// Whether an address reaches the listener: of the loopback, the listener's own, or of a network device.
  private func isThisMachine(_ host: String) -> Bool {
    let mapped = "::ffff:"
    let address = host.hasPrefix(mapped) ? String(host.dropFirst(mapped.count)) : host
    if address.hasPrefix("127.") || address == "::1" || host == listener?.ipAddress { return true }
    guard let devices = try? System.enumerateDevices() else { return true }
    return devices.contains { $0.address?.ipAddress == address }
  }

  private func release(_ sender: Principal) {
    let left = connections[sender, default: 1] - 1
    connections[sender] = left > 0 ? left : nil
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
