import NIOCore

/// Stands next to the socket of a connection: closes it when its next step or the reading of its output takes too long,
/// and reads no input while output waits, so that requests cause no more output than the client reads.
final class ConnectionWatch: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  private let connection: AcceptedConnection
  private let timeouts: ConnectionTimeouts
  /// Called with the reason before the connection is closed.
  private let onClose: (String) -> Void
  private var check: Scheduled<Void>?
  private var isReadHeld = false
  /// Bytes of output so far.
  private var written = 0
  /// The bytes that the socket had taken and that were written when the present window of waiting output began.
  private var window: (taken: Int, written: Int, since: ContinuousClock.Instant)?

  init(_ connection: AcceptedConnection, _ timeouts: ConnectionTimeouts, onClose: @escaping (String) -> Void)
  {
    self.connection = connection
    self.timeouts = timeouts
    self.onClose = onClose
  }

  func handlerAdded(context: ChannelHandlerContext) { schedule(context) }

  func handlerRemoved(context: ChannelHandlerContext) { check?.cancel() }

  func channelInactive(context: ChannelHandlerContext) {
    check?.cancel()
    context.fireChannelInactive()
  }

  private func schedule(_ context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    check = context.eventLoop.scheduleTask(in: timeouts.check) {
      let (handler, context) = bound.value
      handler.inspect(context)
    }
  }

  private func inspect(_ context: ChannelHandlerContext) {
    let now = ContinuousClock.now
    // The time to the next request begins with the end of the output.
    if let expectation = connection.expectation, expectation.deadline <= now,
      !expectation.isIdle || context.channel.isWritable
    {
      return close(context, because: expectation.reason)
    }
    let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    let taken = written - waiting
    if waiting == 0 {
      window = nil
    } else if let known = window, taken < known.written, taken - known.taken < timeouts.minimumOutput {
      if now - known.since >= timeouts.stall {
        return close(
          context,
          because: "only \(taken - known.taken) bytes of waiting output were read in \(timeouts.stall)")
      }
    } else {
      // All output that waited at the start was read, or enough of it.
      window = (taken, written, now)
    }
    schedule(context)
  }

  private func close(_ context: ChannelHandlerContext, because reason: String) {
    onClose(reason)
    context.close(promise: nil)
  }

  // MARK: input

  func read(context: ChannelHandlerContext) {
    guard context.channel.isWritable else {
      isReadHeld = true
      return
    }
    context.read()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      connection.sent(idle: timeouts.idle)
      if isReadHeld {
        isReadHeld = false
        context.read()
      }
    }
    context.fireChannelWritabilityChanged()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if !connection.received(unwrapInboundIn(data).readableBytes) {
      return close(context, because: "the rest of a refused request is too long")
    }
    context.fireChannelRead(data)
  }

  // MARK: output

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    written += unwrapOutboundIn(data).readableBytes
    context.write(data, promise: promise)
  }

  func flush(context: ChannelHandlerContext) {
    connection.sent(idle: timeouts.idle)
    context.flush()
  }
}

/// Times after which a connection is closed.
public struct ConnectionTimeouts: Sendable, Equatable {
  /// In which a new client must send a whole request, or the head of one.
  public var head = Duration.seconds(10)
  /// In which the body of a request must come, besides a second for each MiB.
  public var body = Duration.seconds(30)
  /// Between the end of a reply and the next request; longer than the minute for which clients usually keep a connection.
  public var idle = Duration.seconds(75)
  /// In which a client must read the output that waits for it, or `minimumOutput` bytes of it.
  public var stall = Duration.seconds(15)
  /// 17 kB/s with the time above: a client that takes a byte now and then would keep its reply for ever.
  public var minimumOutput = 256 << 10
  /// Between two checks.
  var check = TimeAmount.milliseconds(500)

  public init() {}
}
