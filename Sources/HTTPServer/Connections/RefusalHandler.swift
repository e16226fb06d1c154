import NIOCore

/// Answers a connection that is not admitted, and closes it. Input is discarded.
final class RefusalHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let answer: [UInt8]
  private let lingers: Bool
  private var isAnswered = false
  private var discarded = 0

  /// Input that is awaited, so that the client reads the answer before the connection ends.
  private static let maximumInput = 256 << 10
  private static let time = TimeAmount.milliseconds(250)

  /// - Parameter lingers: whether the connection stays until the client has read the answer, for a moment at most.
  init(answer: [UInt8], lingers: Bool) {
    self.answer = answer
    self.lingers = lingers
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { reply(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    reply(context)
    context.fireChannelActive()
  }

  private func reply(_ context: ChannelHandlerContext) {
    guard !isAnswered else { return }
    isAnswered = true
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer))).whenComplete { [lingers] _ in
      bound.value.close(mode: lingers ? .output : .all, promise: nil)
    }
    context.eventLoop.scheduleTask(in: Self.time) { [channel = context.channel] in channel.close(promise: nil)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    discarded += unwrapInboundIn(data).readableBytes
    if discarded > Self.maximumInput { context.close(promise: nil) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
