import CLinux
import Devices
import Diagnostics
import Logging
import Sensing
import TrackingPipeline

/// SlimeVR trackers as devices of the bridge; unpaired ones are listed as blocked while they send handshakes.
///
/// Belongs to the device manager's thread; the server has a thread of its own.
final class NetworkTrackers {
  private let server: SlimeVRServer
  private let thread: WorkerThread
  private let admission: DeviceAdmission
  private let reporter: DeviceReporter
  private let settings: CurrentDeviceSettings
  /// Unpaired trackers and when each sent its last handshake; CLOCK_MONOTONIC, ns.
  private var unpaired: [DeviceID: Int64] = [:]

  /// More unpaired trackers are ignored, so that their handshakes can't fill the pose page.
  private static let maximumUnpaired = 8
  /// Trackers send a handshake each second.
  private static let unpairedTimeout: Int64 = 10_000_000_000

  /// Starts to listen.
  ///
  /// - Returns: nil when no listener is configured, or it can't be opened; the log then holds the cause.
  init?(
    mailbox: DeviceMailbox, admission: DeviceAdmission, reporter: DeviceReporter,
    settings: CurrentDeviceSettings
  ) {
    guard let listen = settings.configuration.slimeVR.value else { return nil }
    let pairings = PairingStore(folder: settings.configuration.stateFolder)
    let (acceptsAll, registry, log) = (listen.acceptsAll, reporter.registry, reporter.log)
    do {
      let server = try SlimeVRServer(
        address: listen.address, port: listen.port,
        callbacks: SlimeVRServer.Callbacks(
          admits: { acceptsAll || pairings.holds(family: "slimevr", address: $0) },
          attached: { transport in mailbox.post { $0.attachments.attach(transport) } },
          refused: { handshake in mailbox.post { $0.trackers?.refused(handshake) } },
          signal: { serial, level in
            guard let id = registry.device(serial: serial)?.id else { return }
            registry.change(id) { device in
              device.signal = level
              return false
            }
          }))
      self.server = server
      thread = WorkerThread(name: "trackers") { server.run() }
    } catch {
      log.error("no SlimeVR tracker can connect: \(error.printed)")
      return nil
    }
    self.admission = admission
    self.reporter = reporter
    self.settings = settings
    log.info("listening for SlimeVR trackers on \(listen.address):\(server.port)")
  }

  var hasUnpaired: Bool { !unpaired.isEmpty }

  func stop() {
    server.stop()
    thread.join()
  }

  /// Lists an unpaired tracker, with the command that pairs it.
  private func refused(_ handshake: SlimeVRHandshake) {
    let identity = InterfaceIdentity(
      bus: .network, vendor: 0, product: 0, serial: handshake.address,
      physicalPath: "udp-\(handshake.address)/input0", name: "SlimeVR tracker")
    guard let match = settings.catalog.match(identity, descriptor: nil) else { return }
    let isFull = reporter.registry.unpairedTrackers >= Self.maximumUnpaired
    if isFull, admission.find(identity, match) == nil { return }
    guard let id = admission.admit(identity, match) else { return }
    unpaired[id] = linux_monotonic_ns()
    reporter.enter(.blocked, "not paired; pair it with: vrbridge pair slimevr \(handshake.address)", id)
  }

  /// Frees the slots of unpaired trackers that stopped sending.
  func forgetSilent(now: Int64) {
    for (id, heard) in unpaired where now - heard > Self.unpairedTimeout {
      unpaired[id] = nil
      // A tracker that was paired meanwhile is in another state.
      if reporter.registry.device(id)?.state == .blocked {
        reporter.enter(.lost, "not paired, and it stopped sending", id)
      }
    }
  }
}
