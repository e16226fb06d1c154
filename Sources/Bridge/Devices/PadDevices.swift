import Devices
import GameControllers
import Logging
import Sensing

/// Game controllers that SDL2 reads, as devices of the bridge.
extension DeviceManager {
  func startControllers() {
    guard configuration.controllers.value else { return }
    let known = Set(
      catalog.descriptions.flatMap(\.parts).flatMap(\.match).compactMap { rule -> UInt32? in
        guard let vendor = rule.vendor, let product = rule.product, vendor != 0 else { return nil }
        return UInt32(vendor) << 16 | UInt32(product)
      })
    let log = log
    let controllers = SDLControllers(
      isKnown: { known.contains(UInt32($0) << 16 | UInt32($1)) },
      attached: { [weak self] transport in
        guard let self else { return transport.close() }
        post { manager in
          guard let match = manager.catalog.match(transport.identity, descriptor: nil) else {
            log.error("no description fits \(transport.identity.name)")
            return transport.close()
          }
          manager.attach(match, transport)
        }
      })
    self.controllers = controllers
    controllerThread = WorkerThread(name: "controllers") {
      if let problem = controllers.run() { log.error("SDL2 can't be used for game controllers: \(problem)") }
    }
  }

  func stopControllers() {
    controllers?.stop()
    controllerThread?.join()
  }
}
