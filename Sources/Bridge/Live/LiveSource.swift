public import BridgeProtocol
public import Cameras
import CLinux
import Foundation
public import Inference
public import Sensing
public import SessionLog
public import Spatial

/// What the bridge knows at this moment, for those who show it: pages, viewers, other tools' protocols.
///
/// Everything is read when it is asked for, from the pose page and from counters; nothing here runs on the tracking
/// thread or adds to its work.
public struct LiveSource: Sendable {
  let manager: DeviceManager
  let page: PosePage
  let cameras: CameraService
  let scopes: @Sendable (_ user: UInt32, _ group: UInt32) -> Set<Scope>
  let makeRecordingPath: @Sendable () -> String
  /// What was seen and heard, as it is published.
  public let annotations: Broadcast<[Annotation]>
  /// Buttons, triggers and sticks, as they change.
  public let controls: Broadcast<ControlEvent>
  public let log: LogTail
  public let recording: RecordingControl
  public let models: ModelHost

  /// A button, trigger or axis that moved.
  public struct ControlEvent: Sendable {
    public var device: UInt32
    public var role: DeviceRole
    /// As in the device's description: `/input/trigger/value`.
    public var path: String
    public var value: Double
    public var time: Timestamp
  }

  public var now: Timestamp { Timestamp(nanoseconds: linux_monotonic_ns()) }

  public var devices: [Vrbridge_V1_Device] { manager.messages }

  /// The newest state of a device; nil before there is one.
  public func state(of device: Vrbridge_V1_Device) -> TrackedState? {
    page.newest(slot: Int(device.pageSlot))
  }

  /// Where it is at a time, predicted at most 100 ms.
  public func state(of device: Vrbridge_V1_Device, at time: Timestamp) -> TrackedState? {
    page.state(slot: Int(device.pageSlot), at: time)
  }

  public var head: Pose? { manager.pose(of: .head, now, page) }

  /// Drift, bias, clock and counts of each device, as a session holds them.
  public var figures: [(device: UInt32, figures: Vrbridge_Session_Figures)] {
    let time = linux_monotonic_ns()
    return manager.figures.map { ($0.device.number, Vrbridge_Session_Figures($0.statistics, at: time)) }
  }

  /// Frames of all cameras; to be given back with `unsubscribe`.
  public func frames() -> FrameFeed { cameras.subscribe() }
  public func unsubscribe(_ feed: FrameFeed) { cameras.unsubscribe(feed) }

  /// How a camera sees; nil when nobody said.
  public func model(of camera: String, width: Int, height: Int) -> CameraModel? {
    cameras.model(of: camera, width: width, height: height)
  }

  /// Annotations as a session holds them.
  public static func records(of annotations: [Annotation]) -> [SideRecord] {
    RecordedAnnotations.records(annotations)
  }

  /// What somebody with this user number may do.
  ///
  /// - Parameter user: nil for one that is not known: he may do what everybody may.
  public func scopes(ofUser user: UInt32?) -> Set<Scope> {
    // The highest number is nobody's: the kernel takes it for "none" (chown(2)).
    scopes(user ?? .max, .max)
  }

  /// Records into a new file in the recordings' folder.
  ///
  /// - Returns: its path.
  @discardableResult
  public func startRecording(streams: Set<RecordedStream>) throws(RecordingFault) -> String {
    let plan = RecordingPlan(path: makeRecordingPath(), streams: streams)
    try recording.start(plan)
    return plan.path
  }

  public func recenter() { manager.recenter() }

  /// - Returns: false for a device that is not known.
  public func setRole(_ role: DeviceRole, of device: UInt32) -> Bool {
    manager.setRole(DeviceID(device), role)
  }
}

extension LiveSource.ControlEvent {
  /// - Returns: nil for a control that the device does not name.
  init?(_ event: TrackingEvent, devices: [Vrbridge_V1_Device]) {
    guard let known = devices.first(where: { $0.deviceID == event.device }),
      let control = known.controls.indices.contains(Int(event.index)) ? known.controls[Int(event.index)] : nil
    else { return nil }
    self.init(
      device: event.device, role: known.role.deviceRole, path: control.path, value: Double(event.value),
      time: Timestamp(nanoseconds: event.state.captured))
  }
}
