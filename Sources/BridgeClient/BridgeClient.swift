public import BridgeProtocol
import CLinux
import Foundation
public import Sensing
import SwiftProtobuf
import Synchronization

/// Delivers poses, controls, annotations and device events by callback; reconnects when the bridge is restarted.
///
/// Times are nanoseconds of `CLOCK_MONOTONIC`; frames, units and scopes are those of `docs/reference/protocol.md`. For the
/// pose at a display time use ``PosePageReader``.
public final class BridgeClient: Sendable {
  /// A change that the handler of a client receives.
  public enum Event: Sendable {
    /// The bridge accepted the client: its protocol version, the common features and the scopes of the client.
    case connected(Vrbridge_V1_Welcome)
    /// The bridge is not reachable; the client tries again every 0.2 s until ``BridgeClient/stop()``.
    case disconnected(BridgeClientError)
    /// Poses, each device's in the order of capture: world-from-device, metres, quaternions (x, y, z, w); velocities in
    /// world axes, m/s and rad/s. `dropped` counts the poses that were dropped since the last batch.
    case poses([Vrbridge_V1_Pose], dropped: UInt64)
    /// Changes of buttons, triggers and sticks; `control` is an index into the controls of the device.
    case controls([Vrbridge_V1_ControlChange], dropped: UInt64)
    /// Updates of annotations by `id`; the newest update of an id replaces the one before.
    case annotations([Vrbridge_V1_Annotation], dropped: UInt64)
    /// All devices of the bridge, once after ``connected(_:)``.
    case devices([DeviceStatus])
    /// A device arrived, was lost, or changed; or all headings were recentred.
    case device(DeviceEvent)
    /// The bridge shuts down, for the reason given; ``disconnected(_:)`` follows.
    case goodbye(String)
  }

  /// Streams to subscribe to, and how they are queued.
  public struct Subscription: Sendable {
    /// Required streams. Without the scope of one of them the bridge rejects the subscription, and the client reports
    /// ``BridgeClient/Event/disconnected(_:)``.
    public var streams: [Vrbridge_V1_Stream]
    /// Streams to subscribe to only if the bridge has them and grants their scopes.
    public var optionalStreams: [Vrbridge_V1_Stream] = []
    /// Roles of the devices whose poses and controls are delivered; empty for all.
    public var roles: [DeviceRole]
    /// Poses per second and device at most, by capture time; 0 for all.
    public var maximumRate: Double
    /// Queueing for a client that is slower than the devices.
    public var policy: Vrbridge_V1_QueuePolicy
    /// Poses that wait at most with the policy `dropOldest`; 0 for 1,024.
    public var depth: Int

    /// Creates a subscription: by default the newest poses of all devices, and device events.
    ///
    /// - Parameters:
    ///   - streams: required streams.
    ///   - roles: roles of the devices to subscribe to; empty for all.
    ///   - maximumRate: poses per second and device; 0 for all.
    ///   - policy: queueing for a slow client.
    ///   - depth: poses that wait at most; 0 for 1,024.
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
  /// Nanoseconds of the thread's time slice; longer than those of the bridge's threads.
  private static let slice: Int64 = 800_000

  /// Creates a client; ``start()`` connects it.
  ///
  /// - Parameters:
  ///   - path: path of the bridge's socket; nil for `$VRBRIDGE_SOCKET`, the user's or the system's bridge.
  ///   - name: name and version of the program, for the bridge's log.
  ///   - subscription: streams to receive.
  ///   - handler: receives events on the client's own thread, one after the other. A slow handler delays the events
  ///     behind it; the queue policy states which poses are then dropped.
  public init(
    path: String? = nil, name: String, subscription: Subscription,
    handler: @escaping @Sendable (Event) -> Void
  ) {
    self.path = path
    self.name = name
    self.subscription = subscription
    self.handler = handler
  }

  /// Starts the client's thread, which connects and reconnects until ``stop()``. Call it once.
  public func start() {
    let thread = Thread { [self] in run() }
    thread.name = "bridge-client"
    thread.start()
  }

  /// Closes the connection and ends the client's thread. Returns at once; an event that is being handled is completed.
  public func stop() {
    state.withLock {
      $0.isStopped = true
      $0.connection?.close()
    }
    wake.signal()
  }

  private func run() {
    // A client that waits for a pose preempts threads that compute.
    _ = linux_short_slice_thread(Self.slice, 0)
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
      // A bridge restarts in well under a second.
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
      let isGranted = needs[stream].map {
        welcome.features.contains($0.feature) && welcome.scopes.contains($0.scope)
      }
      if isGranted ?? true { request.streams.append(stream) }
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
      case .deviceEvent(let message): if let event = message.event { handler(.device(event)) }
      case .deviceList(let list): handler(.devices(list.devices.map(\.status)))
      case .goodbye(let goodbye): handler(.goodbye(goodbye.reason))
      case .error(let error): throw BridgeClientError.answered(.init(error))
      default: break
      }
    }
  }
}
