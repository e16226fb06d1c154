import NIOCore
import NIOHTTP1
import NIOWebSocket

/// One client: requests in text frames in, replies and the close handshake out.
final class FoxgloveConnection: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  private let hub: FoxgloveHub
  private let number: Int

  init(hub: FoxgloveHub, number: Int) {
    self.hub = hub
    self.number = number
  }

  func channelInactive(context: ChannelHandlerContext) {
    hub.leave(number)
    context.fireChannelInactive()
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
      if let status {
        let bytes = FoxgloveMessage.json(status)
        send(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(bytes: bytes)), context)
      }
    case .binary:
      let bytes = FoxgloveMessage.json(
        FoxgloveMessage.Status(level: 1, message: "this server accepts no published messages"))
      send(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(bytes: bytes)), context)
    case .ping:
      send(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData), context)
    case .connectionClose:
      let closing = WebSocketFrame(fin: true, opcode: .connectionClose, data: frame.unmaskedData)
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      context.writeAndFlush(wrapOutboundOut(closing)).whenComplete { _ in
        bound.value.close(promise: nil)
      }
    default: break
    }
  }

  private func send(_ frame: WebSocketFrame, _ context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
  }

  /// Closes the connection after a violation of the WebSocket protocol; NIO's own handler has sent the reason.
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Replies to requests that do not become WebSockets, with the reason.
final class FoxgloveRefusal: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let reason: @Sendable (HTTPRequestHead) -> (HTTPResponseStatus, String)

  init(reason: @escaping @Sendable (HTTPRequestHead) -> (HTTPResponseStatus, String)) { self.reason = reason }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(let head) = unwrapInboundIn(data) else { return }
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
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The upgrader refused; the request follows and is replied to.
    if error is NIOWebSocketUpgradeError { return }
    context.close(promise: nil)
  }
}
