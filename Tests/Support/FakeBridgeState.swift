public import Authorisation
public import Cameras
public import LiveState
public import Sensing
public import Spatial
import Synchronization

/// A bridge without a daemon, for tests of outputs: state is set, actions are recorded.
public final class FakeBridgeState: BridgeState {
  public struct Contents: Sendable {
    public var now = Timestamp(nanoseconds: 1_000_000_000)
    public var devices: [DeviceStatus] = []
    public var states: [DeviceID: TrackedState] = [:]
    public var modelActivity: [ModelActivity] = []
    public var problem: String?
    public var cameraModel: CameraModel?
    /// Of every user.
    public var scopes = Set(Scope.allCases)
    public var recording = RecordingStatus()
    /// Actions in their order: `recenter`, `role 2 left_hand`, `record camera`, `stop`.
    public var actions: [String] = []
  }

  private let contents: Mutex<Contents>
  private let feeds = Mutex<[FrameFeed]>([])
  public let channels = LiveChannels()

  public init(_ change: (inout Contents) -> Void = { _ in }) {
    var first = Contents()
    change(&first)
    contents = Mutex(first)
  }

  public func change(_ body: (inout Contents) -> Void) { contents.withLock { body(&$0) } }
  public var actions: [String] { contents.withLock { $0.actions } }

  /// Passes a frame to all subscribers.
  public func put(_ frame: CameraFrame) { for feed in feeds.withLock({ $0 }) { feed.put(frame) } }
  public var feedCount: Int { feeds.withLock { $0.count } }

  public var now: Timestamp { contents.withLock { $0.now } }
  public var devices: [DeviceStatus] { contents.withLock { $0.devices } }
  public func state(of device: DeviceStatus) -> TrackedState? { contents.withLock { $0.states[device.id] } }
  public func state(of device: DeviceStatus, at time: Timestamp) -> TrackedState? { state(of: device) }
  public var modelActivity: [ModelActivity] { contents.withLock { $0.modelActivity } }
  public var problem: String? { contents.withLock { $0.problem } }

  public func color(of kind: Annotation.Kind) -> AnnotationColor { .speech }

  public func frames() -> FrameFeed {
    let feed = FrameFeed()
    feeds.withLock { $0.append(feed) }
    return feed
  }

  public func unsubscribe(_ feed: FrameFeed) {
    feeds.withLock { $0.removeAll { $0 === feed } }
    feed.close()
  }

  public func model(of camera: String, width: Int, height: Int) -> CameraModel? {
    contents.withLock { $0.cameraModel }
  }

  public var access: ClientAccess {
    let scopes = contents.withLock { $0.scopes }
    return ClientAccess { _ in scopes }
  }

  public var recording: RecordingStatus { contents.withLock { $0.recording } }

  public func startRecording(streams: Set<RecordedStream>) throws -> String {
    let extra = streams.subtracting(RecordedStream.standard).map(\.rawValue).sorted()
    change { $0.actions.append((["record"] + extra).joined(separator: " ")) }
    return "/recordings/1.mcap"
  }

  public func stopRecording() { change { $0.actions.append("stop") } }
  public func recenter() { change { $0.actions.append("recenter") } }

  public func setRole(_ role: DeviceRole, of device: DeviceID) -> Bool {
    contents.withLock { contents in
      guard let index = contents.devices.firstIndex(where: { $0.id == device }) else { return false }
      contents.devices[index].role = role
      contents.actions.append("role \(device.number) \(role.name)")
      return true
    }
  }
}
