import Admission
import Authorisation
import Diagnostics
import Foundation
import HTTPServer
public import LiveState
public import Logging
import NIOCore
import NIOPosix
import Sensing
public import ServiceLifecycle
import Spatial

/// A VRPN server: every device is a tracker, a set of buttons and a set of analog channels, under the name of its role
/// (`head@localhost`).
///
/// Poses keep OpenXR's axes and metres. The protocol has no authentication, so the server listens on loopback only unless
/// the configuration opens it.
public struct VRPNServer: Service {
  private let host: String
  private let port: Int
  private let rate: Double
  private let state: any BridgeState
  let hub: VRPNHub
  private let log: Logger
  private let gate: ConnectionGate
  private let sendsOrientationOnly: Bool
  private let omissions: OmissionReport

  /// Clients at a time.
  static let maximumClients = 32
  /// Bytes that wait for a client.
  static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 32 << 10, high: 128 << 10)

  /// - Throws: `InteropError` for an invalid address, or one that exposes poses to other machines without `open`.
  public init(_ settings: VRPNSettings, state: any BridgeState, log: Logger) throws(InteropError) {
    let address = settings.address
    guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...])
    else { throw InteropError(.address, "the address '\(address)' of VRPN is not HOST:PORT") }
    host = String(address[..<colon])
    self.port = Int(port)
    guard settings.isOpen || host == "localhost" || host == "::1" || host.hasPrefix("127.") else {
      throw InteropError(
        .exposed,
        "VRPN at \(address) can be read by other machines without a password; allow it with 'vrpn: open: true'"
      )
    }
    rate = settings.rate
    sendsOrientationOnly = settings.sendsOrientationOnly
    omissions = OmissionReport(output: VRPNSettings.key, log: log)
    self.state = state
    self.log = log
    hub = VRPNHub(policy: state.access.policy)
    gate = ConnectionGate(
      "VRPN", limits: AdmissionControl.Limits(total: Self.maximumClients), access: state.access,
      // The protocol has no authentication: `open` is the permission of other machines.
      machines: settings.isOpen ? [.poses, .controls] : [], log: log)
  }

  public func run() async throws {
    let listener = try await bind(.tcp) { try await listen() }
    let datagrams: any Channel
    do {
      datagrams = try await bind(.udp) { try await receive(beside: listener) }
    } catch {
      try? await listener.close()
      throw error
    }
    log.info("serving VRPN", metadata: ["address": "\(host):\(port)"])
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await poses() }
        group.addTask { await controls() }
      }
    }
    hub.closeAll()
    try? await listener.close()
    try? await datagrams.close()
  }

  /// Opens a port.
  ///
  /// - Throws: `InteropError` with the reason and the owner of a port that is taken.
  private func bind(
    _ transport: PortOwner.Transport, _ open: () async throws -> any Channel
  ) async throws -> any Channel {
    do { return try await open() } catch {
      let setting = "'interop: vrpn: address'"
      let reason =
        (error as? IOError).map {
          ListenProblem.text($0.errnoCode, host: host, port: port, transport, setting: setting)
        } ?? "\(error.reason); choose the name or address of an interface of this machine with \(setting)"
      throw InteropError(
        .unavailable,
        "VRPN can't be served at \(host):\(port) (\(transport.rawValue.uppercased())): \(reason)")
    }
  }

  private func listen() async throws -> any Channel {
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(ChannelOptions.writeBufferWaterMark, value: Self.waterMark)
      .childChannelInitializer { [hub, gate] channel in
        channel.eventLoop.makeCompletedFuture { () throws -> AcceptedConnection? in
          do {
            let connection = try gate.admit(channel)
            try channel.pipeline.syncOperations.addHandler(
              VRPNConnection(hub: hub, gate: gate, connection: connection))
            return connection
          } catch is AdmissionError {
            // The protocol has no message for a reason; the log has it.
            try gate.refuse(channel, answer: [])
            return nil
          }
        }
        .flatMap { connection in
          connection.map { gate.identify($0, on: channel.eventLoop) }
            ?? channel.eventLoop.makeSucceededVoidFuture()
        }
      }
      .bind(host: host, port: port).get()
    try await gate.guardListener(listener, answer: [])
    return listener
  }

  private func receive(beside listener: any Channel) async throws -> any Channel {
    let own = listener.localAddress
    return try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { [hub, gate] channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            VRPNConnector(hub: hub, gate: gate, listener: own))
        }
      }
      .bind(host: host, port: port).get()
  }

  /// Returns the sender's name of each device: its role (`left_hand`), or `device-N` for a device without a role and for
  /// the second of a role.
  static func names(_ devices: [DeviceStatus]) -> [DeviceID: String] {
    var taken: Set<String> = []
    var result: [DeviceID: String] = [:]
    for device in devices.sorted(by: {
      ($0.isConnected ? 0 : 1, $0.id) < ($1.isConnected ? 0 : 1, $1.id)
    }) {
      let role = device.role.name
      let name = device.role == .none || !taken.insert(role).inserted ? "device-\(device.id.number)" : role
      result[device.id] = name
    }
    return result
  }

  /// Returns whether a state is sent: the protocol's pose has no mark for a position that is not known.
  func sends(_ state: TrackedState, of device: DeviceStatus) -> Bool {
    guard state.flags.contains(.orientationValid) else { return false }
    guard state.hasPosition || sendsOrientationOnly else {
      omissions.report(device, .pose)
      return false
    }
    return true
  }

  private func poses() async {
    var sent: [DeviceID: Int64] = [:]
    var pace = Pace(rate: rate)
    while !Task.isCancelled {
      try? await Task.sleep(until: pace.turn())
      guard hub.hasClients else { continue }
      let devices = state.devices
      omissions.keep(only: devices)
      let names = Self.names(devices)
      // VRPN counts from 1970.
      let offset = Date().timeIntervalSince1970 - Double(state.now.nanoseconds) * 1e-9
      for device in devices where device.isConnected {
        guard let state = state.state(of: device), state.captured.nanoseconds != sent[device.id],
          let name = names[device.id]
        else { continue }
        sent[device.id] = state.captured.nanoseconds
        guard sends(state, of: device) else {
          // It is present, and may have buttons.
          hub.describe(name)
          continue
        }
        let time = Double(state.captured.nanoseconds) * 1e-9 + offset
        hub.send(.trackerPose, from: name, VRPNMessage.pose(state.worldFromDevice), time: time)
        hub.send(
          .trackerVelocity, from: name,
          VRPNMessage.velocity(linear: state.linearVelocity, angular: state.angularVelocity), time: time)
      }
    }
  }

  private func controls() async {
    var values: [DeviceID: [String: Double]] = [:]
    for await event in state.channels.controls.subscribe() {
      values[event.device, default: [:]][event.path] = event.value
      guard hub.hasClients else { continue }
      let devices = state.devices
      guard let device = devices.first(where: { $0.id == event.device }),
        let name = Self.names(devices)[event.device]
      else { continue }
      let now = Date().timeIntervalSince1970
      let buttons = device.controls.filter { $0.kind == .button || $0.kind == .touch }
      if let index = buttons.firstIndex(where: { $0.path == event.path }) {
        hub.send(
          .buttonChange, from: name, VRPNMessage.button(index, isPressed: event.value > 0.5), time: now)
      } else {
        let axes = device.controls.filter { $0.kind == .trigger || $0.kind == .axis }
        hub.send(
          .analogChannel, from: name,
          VRPNMessage.analog(axes.map { values[event.device]?[$0.path] ?? 0 }), time: now)
      }
    }
  }
}
