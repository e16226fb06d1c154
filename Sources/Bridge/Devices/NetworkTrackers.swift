import CLinux
import Devices
import Logging
import Sensing

/// SlimeVR trackers as devices of the bridge.
extension DeviceManager {
  /// Strangers that are shown as waiting to be paired; more are ignored, so that nobody can fill the page.
  private static let maximumStrangers = 8
  /// Trackers ask each second.
  private static let strangerPatience: Int64 = 10_000_000_000

  func startTrackers() {
    guard let listen = configuration.slimeVR.value else { return }
    let pairings = PairingStore(folder: configuration.stateFolder)
    let (acceptsAll, log) = (listen.acceptsAll, log)
    do {
      let server = try SlimeVRServer(
        address: listen.address, port: listen.port,
        callbacks: SlimeVRServer.Callbacks(
          admits: { acceptsAll || pairings.holds(family: "slimevr", address: $0) },
          attached: { [weak self] transport in
            guard let self else { return transport.close() }
            post { $0.attach(transport) }
          },
          refused: { [weak self] handshake in self?.post { $0.refuse(handshake) } },
          signal: { [weak self] serial, level in
            guard let self, let id = roster.device(serial: serial)?.id else { return }
            roster.change(id) { device in
              device.signal = level
              return false
            }
          }))
      trackerServer = server
      trackerThread = WorkerThread(name: "trackers") { server.run() }
      log.info("SlimeVR trackers are expected on \(listen.address):\(server.port)")
    } catch {
      log.error("SlimeVR trackers can't be served: \(error)")
    }
  }

  func stopTrackers() {
    trackerServer?.stop()
    trackerThread?.join()
  }

  private func attach(_ transport: PipeTransport) {
    guard let match = catalog.match(transport.identity, descriptor: nil) else {
      log.error("no description fits \(transport.identity.name)")
      return transport.close()
    }
    attach(match, transport)
  }

  private func refuse(_ handshake: SlimeVRHandshake) {
    let name = "SlimeVR tracker"
    let identity = InterfaceIdentity(
      bus: .network, vendor: 0, product: 0, serial: handshake.address,
      physicalPath: "udp-\(handshake.address)/input0", name: name)
    guard let match = catalog.match(identity, descriptor: nil) else { return }
    let key = DeviceKey(identity, match.description)
    let known = roster.find(key, serial: identity.serial, origin: .hardware)
    if known == nil, roster.strangers >= Self.maximumStrangers { return }
    guard
      let id = known ?? create(key, serial: identity.serial, match, origin: .hardware)
    else { return }
    strangers[id] = linux_monotonic_ns()
    enter(.blocked, "not paired; to let it in: vrbridge pair slimevr \(handshake.address)", id)
    armTimer()
  }

  /// Strangers that no longer ask make room for others.
  func forgetStrangers(now: Int64) {
    for (id, heard) in strangers where now - heard > Self.strangerPatience {
      strangers[id] = nil
      // It was let in meanwhile when it is in another state.
      if roster.device(id)?.state == .blocked { enter(.lost, "no longer asks to be let in", id) }
    }
  }
}
