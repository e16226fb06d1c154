import ServiceLifecycle

/// The live table inside `run --view`.
struct ViewService: Service {
  let socket: String

  func run() async throws {
    let view = WatchView(socket: socket, json: false, roles: [], rate: 0)
    view.start()
    try? await gracefulShutdown()
    view.stop()
  }
}
