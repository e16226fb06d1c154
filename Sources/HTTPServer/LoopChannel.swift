import Admission
import HummingbirdCore
import Logging
import NIOCore

/// Serves one connection: admits it, and answers its requests on the event loop that reads them. A small request changes
/// threads not once instead of four times; a handler that takes long runs on the concurrency pool
/// (`HTTPHandler.isQuick`).
struct LoopChannel: ServerChildChannel {
  struct Value: ServerChildChannelValue {
    let base: HTTP1Channel.Value
    let connection: AcceptedConnection
    var channel: any Channel { base.channel }
  }

  let base: HTTP1Channel
  let gate: ConnectionGate
  /// Time in which a new client must send the head of a request.
  let headTime: Duration

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    let admitted = Result { try gate.admit(channel) }
    let connection: AcceptedConnection
    var identified = channel.eventLoop.makeSucceededVoidFuture()
    do {
      switch admitted {
      case .success(let value):
        connection = value
        identified = gate.identify(connection, on: channel.eventLoop)
        connection.expect(within: headTime, orElse: "no request came")
      case .failure(let error as AdmissionError):
        connection = AcceptedConnection(.unknown)
        try gate.refuse(channel, answer: HTTPReply.unavailable(error).bytes)
      case .failure(let error): throw error
      }
    } catch {
      return channel.eventLoop.makeFailedFuture(error)
    }
    return identified.flatMap { [base] in
      base.setup(channel: channel, logger: logger).map { Value(base: $0, connection: connection) }
    }
  }

  func handle(value: Value, logger: Logger) async {
    await withTaskExecutorPreference(LoopExecutor(value.channel.eventLoop)) {
      await AcceptedConnection.$current.withValue(value.connection) {
        await base.handle(value: value.base, logger: logger)
      }
    }
  }
}

/// Runs tasks on an event loop.
private final class LoopExecutor: TaskExecutor {
  private let loop: any EventLoop

  init(_ loop: any EventLoop) { self.loop = loop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
  }
}
