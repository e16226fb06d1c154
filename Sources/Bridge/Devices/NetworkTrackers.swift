import Admission
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
  /// Unpaired trackers by hardware address, with the time of the last handshake; CLOCK_MONOTONIC, ns.
  private var unpaired: [String: (id: DeviceID, heard: Int64)] = [:]

  /// More unpaired trackers are ignored, so that their handshakes can't fill the pose page.
  private static let maximumUnpaired = 8
  /// Trackers send a handshake each second.
  private static let unpairedTimeout: Int64 = 10_000_000_000

  /// Opens the port of the trackers.
  ///
  /// - Returns: nil when no listener is configured.
  /// - Throws: for an address that can't be listened on: a listener that is configured is needed.
  static func server(
    _ configuration: Configuration, mailbox: DeviceMailbox, registry: DeviceRegistry
  ) throws(StartError) -> SlimeVRServer? {
    guard let listen = configuration.slimeVR.value else { return nil }
    let pairings = PairingStore(folder: configuration.stateFolder)
    let acceptsAll = listen.acceptsAll
    do {
      return try SlimeVRServer(
        address: listen.address, port: listen.port,
        callbacks: SlimeVRServer.Callbacks(
          admits: { acceptsAll || pairings.holds(family: "slimevr", address: $0) },
          attached: { transport in
            mailbox.post { thread in
              thread.trackers?.accepted(transport.identity.serial)
              thread.attachments.attach(transport)
            }
          },
          refused: { handshake in mailbox.post { $0.trackers?.refused(handshake) } },
          signal: { serial, level in
            guard let id = registry.device(serial: serial)?.id else { return }
            registry.change(id) { device in
              device.signal = level
              return false
            }
          },
          sensor: { serial, problem in
            mailbox.post { thread in
              guard let id = registry.device(serial: serial)?.id else { return }
              thread.trackers?.limit(id, problem)
            }
          }))
    } catch {
      let reason = ListenProblem.text(
        error.code, host: listen.address, port: Int(listen.port), .udp,
        setting: "--slimevr or 'slimevr: port'")
      throw StartError(
        "slimevr-address-unavailable",
        "SlimeVR trackers can't be served at \(listen.address):\(listen.port): \(reason)")
    }
  }

  /// Starts to serve trackers.
  init(
    _ server: SlimeVRServer, admission: DeviceAdmission, reporter: DeviceReporter,
    settings: CurrentDeviceSettings
  ) {
    self.server = server
    thread = WorkerThread(name: "trackers") { server.run() }
    self.admission = admission
    self.reporter = reporter
    self.settings = settings
    let configuration = settings.configuration
    do { _ = try PairingStore(folder: configuration.stateFolder).entries() } catch {
      reporter.log.warning("no paired tracker is admitted: \(error.printed)")
    }
    let address = configuration.slimeVR.value?.address ?? ""
    reporter.log.info("listening for SlimeVR trackers on \(address):\(server.port)")
  }

  var hasUnpaired: Bool { !unpaired.isEmpty }

  func stop() {
    server.stop()
    thread.join()
  }

  /// Shows a problem of a tracker's sensor; nil after its end.
  private func limit(_ id: DeviceID, _ problem: String?) { reporter.limit(.sensor, problem, id) }

  /// Lists an unpaired tracker without a role, with the command that pairs it.
  private func refused(_ handshake: SlimeVRHandshake) {
    let identity = InterfaceIdentity(
      bus: .network, vendor: 0, product: 0, serial: handshake.address,
      physicalPath: "udp-\(handshake.address)/input0", name: "SlimeVR tracker")
    guard let match = settings.catalog.match(identity, descriptor: nil) else { return }
    // Accepted sensors are those of a pairing that was removed. While one streams, the handshake may be a stranger's with
    // its address.
    let sensors = reporter.registry.sensors(of: handshake.address, family: match.description.family)
    guard !sensors.contains(where: \.isConnected) else { return }
    for sensor in sensors { reporter.remove(sensor.id, "no longer paired") }
    guard unpaired[handshake.address] != nil || unpaired.count < Self.maximumUnpaired,
      let id = admission.admit(identity, match, isAccepted: false)
    else { return }
    unpaired[handshake.address] = (id, linux_monotonic_ns())
    reporter.enter(.blocked, "not paired; pair it with: vrbridge pair slimevr \(handshake.address)", id)
  }

  /// Removes the entry of a tracker that was paired: it becomes a device with a role.
  ///
  /// - Parameter serial: of a sensor; the first has the tracker's address.
  private func accepted(_ serial: String) { forget(serial, "paired") }

  /// Removes unpaired trackers that stopped sending.
  func forgetSilent(now: Int64) {
    for (address, entry) in unpaired where now - entry.heard > Self.unpairedTimeout {
      forget(address, "not paired, and it stopped sending")
    }
  }

  private func forget(_ address: String, _ reason: String) {
    guard let entry = unpaired.removeValue(forKey: address) else { return }
    reporter.remove(entry.id, reason)
  }
}
