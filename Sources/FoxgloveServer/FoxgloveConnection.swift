import NIOCore
import NIOHTTP1
import NIOWebSocket

/// One client: requests in text frames in, replies and the close handshake out.
///
/// Input causes at most one pong and a few statuses that are not yet sent: a client that floods without reading costs no
/// memory.
final class FoxgloveConnection: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  private let hub: FoxgloveHub
  private let number: Int
  private var isPongUnderWay = false
  /// The newest ping that came while a pong was under way; RFC 6455 requires a reply to this one alone.
  private var nextPong: ByteBuffer?
  private var statusesUnderWay = 0

  /// Statuses that wait for the socket; more are left out, since each repeats what the client did wrong.
  private static let maximumStatuses = 16

  init(hub: FoxgloveHub, number: Int) {
    self.hub = hub
    self.number = number
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    switch frame.opcode {
    case .text:
      let status: FoxgloveMessage.Status? =
        if let request = FoxgloveMessage.Request(Array(frame.unmaskedData.readableBytesView)) {
          hub.handle(request, of: number)
        } else {
          FoxgloveMessage.Status(level: 2, message: "the message is not JSON of this protocol")
        }
      if let status { send(status, context) }
    case .binary:
      send(
        FoxgloveMessage.Status(level: 1, message: "this server accepts no published messages"), context)
    case .ping: pong(frame.unmaskedData, context)
    case .connectionClose:
      let closing = WebSocketFrame(fin: true, opcode: .connectionClose, data: frame.unmaskedData)
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      context.writeAndFlush(wrapOutboundOut(closing)).whenComplete { _ in
        bound.value.close(promise: nil)
      }
    default: break
    }
  }

  private func send(_ status: FoxgloveMessage.Status, _ context: ChannelHandlerContext) {
    guard statusesUnderWay < Self.maximumStatuses, context.channel.isWritable else { return }
    statusesUnderWay += 1
    let data = ByteBuffer(bytes: FoxgloveMessage.json(status))
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: .text, data: data)))
      .whenComplete { _ in bound.value.statusesUnderWay -= 1 }
  }

  private func pong(_ data: ByteBuffer, _ context: ChannelHandlerContext) {
    guard !isPongUnderWay else {
      nextPong = data
      return
    }
    isPongUnderWay = true
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: data)))
      .whenSuccess {
        let (connection, context) = bound.value
        connection.isPongUnderWay = false
        if let next = connection.nextPong {
          connection.nextPong = nil
          connection.pong(next, context)
        }
      }
  }

  /// Closes the connection after a violation of the WebSocket protocol; NIO's own handler has sent the reason.
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Replies to requests that do not become WebSockets, with the reason.
///
/// The connection stays for a moment, and the rest of the request is discarded: a connection that is closed while bytes
/// arrive is reset, and the reply is lost.
final class FoxgloveRefusal: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let reason: @Sendable (HTTPRequestHead) -> (HTTPResponseStatus, String)
  private var isAnswered = false
  private var discarded = 0

  /// Input that is awaited, so that the client reads the reply before the connection ends.
  private static let maximumInput = 256 << 10
  private static let time = TimeAmount.milliseconds(250)

  init(reason: @escaping @Sendable (HTTPRequestHead) -> (HTTPResponseStatus, String)) { self.reason = reason }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head) where !isAnswered: reply(to: head, context)
    case .body(let part):
      discarded += part.readableBytes
      if discarded > Self.maximumInput { context.close(promise: nil) }
    default: break
    }
  }

  private func reply(to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    isAnswered = true
    let (status, text) = reason(head)
    let body = ByteBuffer(string: text + "\n")
    let headers: HTTPHeaders = [
      "content-type": "text/plain; charset=utf-8", "content-length": String(body.readableBytes),
      "connection": "close",
    ]
    let reply = HTTPResponseHead(version: head.version, status: status, headers: headers)
    context.write(wrapOutboundOut(.head(reply)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
      bound.value.close(mode: .output, promise: nil)
    }
    context.eventLoop.scheduleTask(in: Self.time) { [channel = context.channel] in channel.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The upgrader refused; the request follows and is replied to.
    if error is NIOWebSocketUpgradeError { return }
    context.close(promise: nil)
  }
}
