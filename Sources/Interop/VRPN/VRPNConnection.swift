import Authorisation
import HTTPServer
import NIOCore

/// One client of the VRPN server: cookies, then its descriptions and pings in, messages out.
final class VRPNConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let hub: VRPNHub
  private let gate: ConnectionGate
  private let connection: AcceptedConnection
  private var number: Int?
  private var waiting = ByteBuffer()
  private var isGreeted = false
  /// The client's numbers of the type "ping". Other types are not handled, and their names not kept.
  private var pingKinds: Set<Int32> = []
  private var isPongUnderWay = false
  private var owesPong = false

  /// Numbers that a client may give to one type; clients give one.
  private static let maximumKinds = 16

  init(hub: VRPNHub, gate: ConnectionGate, connection: AcceptedConnection) {
    self.hub = hub
    self.gate = gate
    self.connection = connection
  }

  func channelActive(context: ChannelHandlerContext) {
    write(VRPNMessage.cookie, context)
    // A client that sends no cookie is disconnected, to free its descriptor.
    connection.expect(within: .seconds(10), orElse: "no cookie of the protocol came")
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    if let number { hub.leave(number) }
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var part = unwrapInboundIn(data)
    waiting.writeBuffer(&part)
    if !isGreeted {
      guard let cookie = waiting.getBytes(at: waiting.readerIndex, length: VRPNMessage.cookie.count) else {
        return
      }
      waiting.moveReaderIndex(forwardBy: cookie.count)
      // The major version must be ours.
      guard cookie.starts(with: VRPNMessage.cookie.prefix(14)) else {
        context.close(promise: nil)
        return
      }
      isGreeted = true
      connection.expectNothing()
      do throws(AuthorisationError) { number = try hub.join(context.channel, connection.rights) } catch {
        // The protocol has no message for a reason; the log has it.
        gate.reportRefusal(of: connection.principal, error)
        context.close(promise: nil)
        return
      }
    }
    while let bytes = waiting.getBytes(at: waiting.readerIndex, length: VRPNMessage.Header.size) {
      guard let header = VRPNMessage.Header(bytes) else {
        context.close(promise: nil)
        return
      }
      let start = waiting.readerIndex + VRPNMessage.Header.size
      guard let body = waiting.getBytes(at: start, length: header.padded) else { break }
      waiting.moveReaderIndex(forwardBy: VRPNMessage.Header.size + header.padded)
      handle(header, body, context)
    }
    waiting.discardReadBytes()
  }

  private func handle(_ header: VRPNMessage.Header, _ body: [UInt8], _ context: ChannelHandlerContext) {
    if header.kind == VRPNMessage.typeDescription {
      if VRPNMessage.name(in: body) != VRPNMessage.Kind.ping.name {
        pingKinds.remove(header.sender)
      } else if pingKinds.count < Self.maximumKinds {
        pingKinds.insert(header.sender)
      }
    } else if pingKinds.contains(header.kind) {
      pong(context)
    }
  }

  /// Answers a ping, once the answer to the last one is sent: a client that floods without reading costs no memory.
  ///
  /// The ping's sender is a number of the client's; all senders answer, since all are alive.
  private func pong(_ context: ChannelHandlerContext) {
    guard !isPongUnderWay, context.channel.isWritable else {
      owesPong = true
      return
    }
    (isPongUnderWay, owesPong) = (true, false)
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    hub.pong(to: context.channel).whenSuccess {
      let (connection, context) = bound.value
      connection.isPongUnderWay = false
      if connection.owesPong { connection.pong(context) }
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if owesPong, context.channel.isWritable { pong(context) }
    context.fireChannelWritabilityChanged()
  }

  private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
