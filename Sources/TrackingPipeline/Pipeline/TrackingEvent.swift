import Sensing
import Spatial

/// An event of the tracking loop for the rest of the bridge. A plain value: a ring stores it by copying bytes.
package struct TrackingEvent: BitwiseCopyable, Sendable {
  package enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// A published state; `state` holds it.
    case pose
    /// A control changed; `control`, `value` and `time` hold the change.
    case control
    /// A battery's charge changed; `level` and `isCharging` hold it.
    case battery
    /// An interface ended: `part` was closed with `errno`, 0 at the end of a recording.
    case ended
    /// The radio peer of a dongle connected or disconnected.
    case linkUp
    case linkDown
    /// The device sends many reports that can't be decoded, or no longer does.
    case degraded
    case recovered
    /// A limitation of the device appeared or ended; `limitation` and `isActive` hold it.
    case limitation
    /// The first samples since the device was opened.
    case streaming
    /// Reports of `part` show another mode than the description requests.
    case wrongMode
    /// Samples came after a gap, or the device's clock jumped; `value` holds the seconds between the samples.
    case gap
  }
  package var kind: Kind
  package var device: UInt32
  package var role: UInt8
  package private(set) var isCharging = false
  /// Index of the device's part, for `ended` and `wrongMode`.
  package private(set) var part: UInt16 = 0
  /// Index of the device's control, for `control`.
  package private(set) var control: UInt16 = 0
  /// 0 to 1 for triggers, −1 to 1 for axes, 0 or 1 for buttons; for `control`. Seconds, for `gap`.
  package private(set) var value: Float = 0
  /// 0 to 1, for `battery`.
  package private(set) var level: Float = 0
  /// Why an interface ended; 0 without an error.
  package private(set) var errno: Int32 = 0
  /// CLOCK_MONOTONIC, ns: when a control changed.
  package private(set) var time: Int64 = 0
  /// For `limitation`.
  package private(set) var limitation = PackedLimitation(.simpleReports, isActive: false)
  package private(set) var state = PackedState()

  /// An event without further fields.
  package init(_ kind: Kind, device: DeviceID, role: DeviceRole) {
    self.kind = kind
    self.device = device.number
    self.role = role.rawValue
  }

  package init(_ state: TrackedState, device: DeviceID, role: DeviceRole) {
    self.init(.pose, device: device, role: role)
    self.state = PackedState(state)
  }

  package init(control: Int, value: Float, at time: Timestamp, device: DeviceID, role: DeviceRole) {
    self.init(.control, device: device, role: role)
    self.control = UInt16(truncatingIfNeeded: control)
    self.value = value
    self.time = time.nanoseconds
  }

  /// - Parameter seconds: between the samples before and after it, by the host's clock.
  package init(gap seconds: Double, device: DeviceID, role: DeviceRole) {
    self.init(.gap, device: device, role: role)
    value = Float(seconds)
  }

  package init(_ battery: BatteryState, device: DeviceID, role: DeviceRole) {
    self.init(.battery, device: device, role: role)
    level = battery.level
    isCharging = battery.isCharging
  }

  package init(_ limitation: TrackingLimitation, isActive: Bool, device: DeviceID, role: DeviceRole) {
    self.init(.limitation, device: device, role: role)
    self.limitation = PackedLimitation(limitation, isActive: isActive)
  }

  package init(wrongModeOf part: Int, device: DeviceID, role: DeviceRole) {
    self.init(.wrongMode, device: device, role: role)
    self.part = UInt16(truncatingIfNeeded: part)
  }

  /// - Parameter errno: 0 at the end of a recording.
  package init(ended part: Int, errno: Int32, device: DeviceID, role: DeviceRole) {
    self.init(.ended, device: device, role: role)
    self.part = UInt16(truncatingIfNeeded: part)
    self.errno = errno
  }
}
