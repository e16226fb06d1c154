import Admission
import HTTPServer
import NIOCore
import NIOPosix

/// Connects to clients that request it by datagram: "HOST PORT" names the port where the client listens.
///
/// Datagrams cost their sender nothing, so attempts are few at a time; connections count as those of the listener.
final class VRPNConnector: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>

  private let hub: VRPNHub
  private let gate: ConnectionGate
  private var attempts = 0

  /// Connections that are being opened.
  private static let maximumAttempts = 4

  init(hub: VRPNHub, gate: ConnectionGate) {
    self.hub = hub
    self.gate = gate
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let envelope = unwrapInboundIn(data)
    let text = String(decoding: envelope.data.readableBytesView.prefix(256).prefix { $0 != 0 }, as: UTF8.self)
    // The connection goes to the datagram's sender: the host in the text may be another machine.
    guard attempts < Self.maximumAttempts, let port = text.split(separator: " ").last.flatMap({ UInt16($0) }),
      port >= 1024, let host = envelope.remoteAddress.ipAddress
    else { return }
    attempts += 1
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    ClientBootstrap(group: context.eventLoop)
      .connectTimeout(.seconds(2))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(ChannelOptions.writeBufferWaterMark, value: VRPNServer.waterMark)
      .channelInitializer { [hub, gate] channel in
        channel.eventLoop.makeCompletedFuture {
          let connection = try gate.admit(channel)
          try channel.pipeline.syncOperations.addHandler(VRPNConnection(hub: hub, connection: connection))
        }
      }
      .connect(host: host, port: Int(port))
      .whenComplete { _ in bound.value.attempts -= 1 }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
