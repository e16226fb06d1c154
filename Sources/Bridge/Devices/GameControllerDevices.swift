import Devices
import GameControllers
import Logging
import TrackingPipeline

/// Game controllers that SDL2 reads, as devices of the bridge; on a thread of their own.
struct GameControllerDevices {
  private let controllers: SDLControllers
  private let thread: WorkerThread

  /// Starts to poll. Controllers that a description of the catalogue reads are left to it.
  init(mailbox: DeviceMailbox, catalog: DeviceCatalog, log: Logger) {
    let known = Set(
      catalog.descriptions.flatMap(\.parts).flatMap(\.match).compactMap { rule -> UInt32? in
        guard let vendor = rule.vendor, let product = rule.product, vendor != 0 else { return nil }
        return UInt32(vendor) << 16 | UInt32(product)
      })
    let controllers = SDLControllers(
      isKnown: { known.contains(UInt32($0) << 16 | UInt32($1)) },
      attached: { transport in mailbox.post { $0.attachments.attach(transport) } })
    self.controllers = controllers
    thread = WorkerThread(name: "controllers") {
      if let problem = controllers.run() { log.error("SDL2 can't read game controllers: \(problem)") }
    }
  }

  func stop() {
    controllers.stop()
    thread.join()
  }
}
