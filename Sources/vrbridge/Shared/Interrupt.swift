import Foundation
import Glibc

/// Runs blocking work on a thread; Ctrl-C and SIGTERM call `interrupt`.
func onInterrupt<Result: Sendable>(
  _ interrupt: @escaping @Sendable () -> Void, while body: sending @escaping () throws -> Result
) async throws -> Result {
  let sources = [SIGINT, SIGTERM].map { number in
    signal(number, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
    source.setEventHandler { interrupt() }
    source.resume()
    return source
  }
  defer { for source in sources { source.cancel() } }
  let work = WorkBox(body)
  return try await withCheckedThrowingContinuation { continuation in
    let thread = Thread { continuation.resume(with: Swift.Result { try work.body() }) }
    thread.start()
  }
}

/// `@unchecked Sendable`: the closure is passed to one thread and not used by the caller afterwards.
private struct WorkBox<Result>: @unchecked Sendable {
  let body: () throws -> Result
  init(_ body: @escaping () throws -> Result) { self.body = body }
}
