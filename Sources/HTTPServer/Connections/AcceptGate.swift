import Admission
import Logging
import NIOCore

/// Stands before the handlers of a listening channel: no connection is accepted while all are taken, and lacking
/// descriptors neither end the listener nor make it spin.
final class AcceptGate: ChannelDuplexHandler {
  typealias InboundIn = any Channel
  typealias InboundOut = any Channel
  typealias OutboundIn = Never

  private let capacity: Int
  private let answer: [UInt8]
  private let reserve = DescriptorReserve()
  private let report: (Int32) -> Void
  private var open = 0
  private var isHeld = false
  private var isExhausted = false
  private var isClosed = false

  /// Time until a listener without descriptors tries again.
  private static let pause = TimeAmount.milliseconds(100)

  /// - Parameters:
  ///   - capacity: connections at a time, with those that are being refused.
  ///   - answer: sent to a connection that is accepted while the process has no descriptor.
  ///   - report: called with the error of `accept`.
  init(capacity: Int, answer: [UInt8], report: @escaping (Int32) -> Void) {
    self.capacity = capacity
    self.answer = answer
    self.report = report
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    open += 1
    unwrapInboundIn(data).closeFuture.hop(to: context.eventLoop).whenComplete { _ in
      let (gate, context) = bound.value
      gate.open -= 1
      gate.resume(context)
    }
    context.fireChannelRead(data)
  }

  func read(context: ChannelHandlerContext) {
    guard !isExhausted, open < capacity else {
      isHeld = true
      return
    }
    context.read()
  }

  func handlerRemoved(context: ChannelHandlerContext) { isClosed = true }

  private func resume(_ context: ChannelHandlerContext) {
    guard isHeld, !isClosed, !isExhausted, open < capacity else { return }
    isHeld = false
    context.read()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Behind this handler every error ends the listener.
    guard let error = error as? IOError, DescriptorReserve.isExhausted(error.errnoCode) else {
      return context.fireErrorCaught(error)
    }
    report(error.errnoCode)
    guard !isExhausted else { return }
    isExhausted = true
    // A read that failed is still pending: only this stops the channel from trying again at once.
    try? context.channel.syncOptions?.setOption(.autoRead, value: false)
    _ = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(
      of: NIOBSDSocket.Handle.self
    ) { [answer] in reserve.refuse($0, answer: answer) }
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    context.eventLoop.scheduleTask(in: Self.pause) {
      let (gate, context) = bound.value
      gate.isExhausted = false
      guard !gate.isClosed else { return }
      try? context.channel.syncOptions?.setOption(.autoRead, value: true)
      gate.resume(context)
    }
  }
}
