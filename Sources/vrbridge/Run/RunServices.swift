import Bridge
import Diagnostics
import Logging
import ServiceLifecycle
import UnixSignals

/// Reads descriptions and configuration again on SIGHUP.
struct ReloadService: Service {
  let daemon: Daemon
  let command: RunCommand
  let manager: ServiceManager
  let log: Logger

  func run() async throws {
    let signals = await UnixSignalsSequence(trapping: .sighup)
    for await _ in signals.cancelOnGracefulShutdown() {
      manager.reloading()
      do { daemon.reload(try command.load()) } catch {
        log.error("reload failed, the previous configuration stays active: \(error.printed)")
      }
      manager.ready("running")
    }
  }
}

/// Reports to systemd that the bridge is ready, and that it is alive while the tracking loop runs.
struct ReadinessService: Service {
  let daemon: Daemon
  let manager: ServiceManager

  func run() async throws {
    while daemon.problem != nil {
      try await Task.sleep(for: .milliseconds(10))
    }
    manager.ready("running")
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        try? await Task.sleep(for: .seconds(manager.interval ?? 3600))
        if daemon.problem == nil, !Task.isCancelled { manager.alive() }
      }
    }
    manager.stopping()
  }
}
