import NIOCore

/// One client of the VRPN server: cookies, then its descriptions and pings in, messages out.
final class VRPNConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let hub: VRPNHub
  private var number: Int?
  private var waiting = ByteBuffer()
  private var isGreeted = false
  /// Names of types by the client's numbers.
  private var kinds: [Int32: String] = [:]

  /// Names that a client may describe; the protocol's own are fewer than a hundred.
  private static let maximumKinds = 1000

  init(hub: VRPNHub) { self.hub = hub }

  func channelActive(context: ChannelHandlerContext) {
    write(VRPNMessage.cookie, context)
    let bound = NIOLoopBound((self, context.channel), eventLoop: context.eventLoop)
    // A client that sends no cookie is disconnected, to free its descriptor.
    context.eventLoop.scheduleTask(in: .seconds(10)) {
      if !bound.value.0.isGreeted { bound.value.1.close(promise: nil) }
    }
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
      guard let joined = hub.join(context.channel) else {
        context.close(promise: nil)
        return
      }
      number = joined
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
    if header.kind == VRPNMessage.typeDescription, kinds.count < Self.maximumKinds {
      kinds[header.sender] = VRPNMessage.name(in: body)
    } else if kinds[header.kind] == VRPNMessage.Kind.ping.name {
      // The ping's sender is a number of the client's; all senders answer, since all are alive.
      hub.pong(to: context.channel)
    }
  }

  private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
