public import Bridge
import BridgeProtocol
import Foundation
public import Logging
import NIOCore
import NIOPosix
import Sensing
public import ServiceLifecycle
import Spatial

/// A VRPN server: every device is a tracker, a set of buttons and a set of analog channels, under the name of its role
/// (`head@localhost`).
///
/// Poses keep OpenXR's axes and metres. The protocol has no way to ask who a client is, so it listens on loopback only
/// unless it is told otherwise.
public struct VRPNServer: Service {
  private let host: String
  private let port: Int
  private let rate: Double
  private let source: LiveSource
  private let hub = VRPNHub()
  private let log: Logger

  public static let port = 3883

  /// - Parameters:
  ///   - address: `HOST:PORT`.
  ///   - isOpen: other machines may connect, too.
  ///   - rate: poses a second and device.
  public init(
    address: String, isOpen: Bool, rate: Double, source: LiveSource, log: Logger
  ) throws(InteropFault) {
    guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...])
    else { throw InteropFault("'\(address)' is not HOST:PORT") }
    host = String(address[..<colon])
    self.port = Int(port)
    guard isOpen || host == "localhost" || host == "::1" || host.hasPrefix("127.") else {
      throw InteropFault(
        "VRPN at \(address) can be read by other machines, without a password; 'vrpn: open: true' allows it")
    }
    self.rate = rate
    self.source = source
    self.log = log
  }

  public func run() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let listener: any Channel
    let lobby: any Channel
    do {
      listener = try await ServerBootstrap(group: group)
        .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
        .childChannelOption(ChannelOptions.writeBufferWaterMark, value: .init(low: 32 << 10, high: 128 << 10))
        .childChannelInitializer { [hub] channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(VRPNConnection(hub: hub))
          }
        }
        .bind(host: host, port: port).get()
      lobby = try await DatagramBootstrap(group: group)
        .channelInitializer { [hub] channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(VRPNLobby(hub: hub))
          }
        }
        .bind(host: host, port: port).get()
    } catch let error as IOError {
      throw InteropFault(
        "VRPN can't be served at \(host):\(port): \(String(cString: strerror(error.errnoCode)))")
    }
    log.info("VRPN is served", metadata: ["address": "\(host):\(port)"])
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await poses() }
        group.addTask { await controls() }
      }
    }
    hub.closeAll()
    try? await listener.close()
    try? await lobby.close()
  }

  /// `head`, `left_hand`; a second of a role, and what has none, by its number.
  private func names(_ devices: [Vrbridge_V1_Device]) -> [UInt32: String] {
    var taken: Set<String> = []
    var result: [UInt32: String] = [:]
    for device in devices.sorted(by: {
      ($0.connected ? 0 : 1, $0.deviceID) < ($1.connected ? 0 : 1, $1.deviceID)
    }) {
      let role = device.role.deviceRole.name
      let name = device.role == .none || !taken.insert(role).inserted ? "device-\(device.deviceID)" : role
      result[device.deviceID] = name
    }
    return result
  }

  private func poses() async {
    var sent: [UInt32: Int64] = [:]
    var pace = Pace(rate: rate)
    while !Task.isCancelled {
      try? await Task.sleep(until: pace.turn())
      guard hub.isHeard else { continue }
      let devices = source.devices
      let names = names(devices)
      // VRPN's clock is of 1970.
      let offset = Date().timeIntervalSince1970 - Double(source.now.nanoseconds) * 1e-9
      for device in devices where device.connected {
        guard let state = source.state(of: device), state.captured.nanoseconds != sent[device.deviceID],
          let name = names[device.deviceID]
        else { continue }
        sent[device.deviceID] = state.captured.nanoseconds
        let time = Double(state.captured.nanoseconds) * 1e-9 + offset
        hub.send(.trackerPose, from: name, VRPNMessage.pose(state.worldFromDevice), time: time)
        hub.send(
          .trackerVelocity, from: name,
          VRPNMessage.velocity(linear: state.linearVelocity, angular: state.angularVelocity), time: time)
      }
    }
  }

  private func controls() async {
    var values: [UInt32: [String: Double]] = [:]
    for await event in source.controls.subscribe() {
      values[event.device, default: [:]][event.path] = event.value
      guard hub.isHeard else { continue }
      let devices = source.devices
      guard let device = devices.first(where: { $0.deviceID == event.device }),
        let name = names(devices)[event.device]
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

/// Clients that ask by datagram: "HOST PORT" is where they wait for us.
private final class VRPNLobby: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>

  private let hub: VRPNHub

  init(hub: VRPNHub) { self.hub = hub }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let envelope = unwrapInboundIn(data)
    let text = String(decoding: envelope.data.readableBytesView.prefix(256).prefix { $0 != 0 }, as: UTF8.self)
    // Whoever asks is called back himself, not another that he names.
    guard let port = text.split(separator: " ").last.flatMap({ UInt16($0) }), port >= 1024,
      let host = envelope.remoteAddress.ipAddress
    else { return }
    _ = ClientBootstrap(group: context.eventLoop)
      .connectTimeout(.seconds(2))
      .channelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
      .channelOption(ChannelOptions.writeBufferWaterMark, value: .init(low: 32 << 10, high: 128 << 10))
      .channelInitializer { [hub] channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(VRPNConnection(hub: hub))
        }
      }
      .connect(host: host, port: Int(port))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
