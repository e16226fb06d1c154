public import Authorisation
public import Cameras
public import Sensing
public import Spatial

/// The running bridge as outputs read and control it: pages, viewers, protocols of other programs.
///
/// Values are read on demand from the pose page and from counters; no call runs on the tracking thread or adds to its
/// work. Times are CLOCK_MONOTONIC; poses are world from device, in metres and OpenXR axes.
public protocol BridgeState: Sendable {
  /// The current time of the clock that stamps all states.
  var now: Timestamp { get }

  /// All known devices, connected or not, with their health.
  var devices: [DeviceStatus] { get }

  /// Returns the newest state of a device; nil before the first.
  func state(of device: DeviceStatus) -> TrackedState?

  /// Returns the state of a device at a time, interpolated or predicted by at most 100 ms; nil before the first.
  func state(of device: DeviceStatus, at time: Timestamp) -> TrackedState?

  /// Metrics of the models that have run.
  var modelActivity: [ModelActivity] { get async }

  /// Why the bridge cannot do its work at present; nil while it can.
  var problem: String? { get }

  /// Annotations, controls and log lines as they are published.
  var channels: LiveChannels { get }

  /// Returns the colour in which annotations of a kind are shown.
  func color(of kind: Annotation.Kind) -> AnnotationColor

  /// Subscribes to the frames of all cameras, until `unsubscribe`.
  func frames() -> FrameFeed
  func unsubscribe(_ feed: FrameFeed)

  /// Returns the intrinsics and extrinsics of a camera at a frame size in pixels; nil for an uncalibrated camera.
  func model(of camera: String, width: Int, height: Int) -> CameraModel?

  /// Scopes of users of this machine, and the policy that decides on all actions.
  var access: ClientAccess { get }

  /// The recording that runs, else the last.
  var recording: RecordingStatus { get }

  /// Starts a recording into a new file in the folder of recordings.
  ///
  /// - Returns: the file's path.
  /// - Throws: a `CodedError` when a recording runs already or the file cannot be created.
  @discardableResult
  func startRecording(streams: Set<RecordedStream>) throws -> String

  /// Ends the recording; its file is complete when `recording` no longer runs.
  func stopRecording()

  /// Makes the head's heading the direction of -Z of the world.
  func recenter()

  /// Assigns a role; a device that had it gets the other's.
  ///
  /// - Returns: false for an unknown device.
  func setRole(_ role: DeviceRole, of device: DeviceID) -> Bool
}
