public import BridgeProtocol
import Foundation
public import Sensing
import SwiftProtobuf
import Synchronization

/// Poses, controls, annotations and device events by callback; comes back by itself when the bridge is restarted.
public final class BridgeClient: Sendable {
  public enum Event: Sendable {
    case connected(Vrbridge_V1_Welcome)
    /// The bridge is away; the client tries again until `stop`.
    case disconnected(BridgeClientError)
    case poses([Vrbridge_V1_Pose], dropped: UInt64)
    case controls([Vrbridge_V1_ControlChange], dropped: UInt64)
    case annotations([Vrbridge_V1_Annotation], dropped: UInt64)
    case devices([Vrbridge_V1_Device])
    case device(Vrbridge_V1_DeviceEvent)
    case goodbye(String)
  }

  /// What to subscribe to.
  public struct Subscription: Sendable {
    public var streams: [Vrbridge_V1_Stream]
    /// Subscribed to only where the bridge knows them and lets this client have them.
    public var optionalStreams: [Vrbridge_V1_Stream] = []
    public var roles: [DeviceRole]
    /// Poses per second and device; 0 for all.
    public var maximumRate: Double
    public var policy: Vrbridge_V1_QueuePolicy
    public var depth: Int

    public init(
      streams: [Vrbridge_V1_Stream] = [.poses, .devices], roles: [DeviceRole] = [], maximumRate: Double = 0,
      policy: Vrbridge_V1_QueuePolicy = .latestOnly, depth: Int = 0
    ) {
      self.streams = streams
      self.roles = roles
      self.maximumRate = maximumRate
      self.policy = policy
      self.depth = depth
    }
  }

  private struct State {
    var connection: BridgeConnection?
    var isStopped = false
  }
  private let state = Mutex(State())
  private let path: String?
  private let name: String
  private let subscription: Subscription
  private let handler: @Sendable (Event) -> Void
  private let wake = DispatchSemaphore(value: 0)

  /// - Parameter handler: called on the client's own thread.
  public init(
    path: String? = nil, name: String, subscription: Subscription,
    handler: @escaping @Sendable (Event) -> Void
  ) {
    self.path = path
    self.name = name
    self.subscription = subscription
    self.handler = handler
  }

  public func start() {
    let thread = Thread { [self] in run() }
    thread.name = "bridge-client"
    thread.start()
  }

  public func stop() {
    state.withLock {
      $0.isStopped = true
      $0.connection?.close()
    }
    wake.signal()
  }

  private func run() {
    while !state.withLock({ $0.isStopped }) {
      do {
        let connection = try BridgeConnection(path: path, clientName: name)
        let isWanted = state.withLock { state -> Bool in
          state.connection = connection
          return !state.isStopped
        }
        guard isWanted else { return }
        try serve(connection)
      } catch {
        state.withLock { $0.connection = nil }
        if state.withLock({ $0.isStopped }) { return }
        handler(.disconnected((error as? BridgeClientError) ?? .disconnected))
      }
      // A bridge that restarts is back in well under a second.
      _ = wake.wait(timeout: .now() + .milliseconds(200))
    }
  }

  private func serve(_ connection: BridgeConnection) throws {
    handler(.connected(connection.welcome))
    var request = Vrbridge_V1_Subscribe()
    request.streams = subscription.streams
    let welcome = connection.welcome
    for stream in subscription.optionalStreams {
      let needs: [Vrbridge_V1_Stream: (feature: String, scope: String)] = [
        .annotations: ("annotations", "camera"), .speech: ("speech", "microphone"),
      ]
      let isHad = needs[stream].map {
        welcome.features.contains($0.feature) && welcome.scopes.contains($0.scope)
      }
      if isHad ?? true { request.streams.append(stream) }
    }
    request.roles = subscription.roles.map { Vrbridge_V1_Role($0) }
    request.maxRateHz = subscription.maximumRate
    request.queuePolicy = subscription.policy
    request.depth = UInt32(max(0, subscription.depth))
    try connection.send(.listDevices(Vrbridge_V1_ListDevices()))
    try connection.send(.subscribe(request))
    while true {
      let frame = try connection.receive()
      switch frame.message {
      case .poses(let batch): handler(.poses(batch.poses, dropped: batch.dropped))
      case .controls(let batch): handler(.controls(batch.changes, dropped: batch.dropped))
      case .annotations(let batch): handler(.annotations(batch.annotations, dropped: batch.dropped))
      case .deviceEvent(let event): handler(.device(event))
      case .deviceList(let list): handler(.devices(list.devices))
      case .goodbye(let goodbye): handler(.goodbye(goodbye.reason))
      case .error(let error): throw BridgeClientError.answered(error.code, error.message)
      default: break
      }
    }
  }
}
