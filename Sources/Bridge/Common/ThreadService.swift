import Devices
import ServiceLifecycle

/// Runs a blocking loop on its own thread as a service.
struct ThreadService: Service {
  let name: String
  let run: @Sendable () -> Void
  let stop: @Sendable () -> Void

  init(name: String, run: @escaping @Sendable () -> Void, stop: @escaping @Sendable () -> Void) {
    self.name = name
    self.run = run
    self.stop = stop
  }

  func run() async throws {
    let thread = WorkerThread(name: name, run)
    await withTaskCancellationOrGracefulShutdownHandler {
      await thread.ended()
    } onCancelOrGracefulShutdown: {
      stop()
    }
  }
}
