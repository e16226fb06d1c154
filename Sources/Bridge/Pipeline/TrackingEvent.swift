import Sensing
import Spatial

/// What the tracking loop tells the rest of the bridge. A plain value: putting it in a ring copies bytes.
struct TrackingEvent: BitwiseCopyable, Sendable {
  enum Kind: UInt8, BitwiseCopyable, Sendable {
    case pose
    case control
    case battery
    /// A source has ended: the device is gone, or the recording is over.
    case ended
    /// The radio peer of a dongle came or went.
    case linkUp
    case linkDown
    /// The device began or stopped to send bad reports.
    case degraded
    case recovered
    /// The first samples since it was opened.
    case streaming
    /// A report of part `index` shows a mode that its description would switch.
    case wrongMode
  }
  var kind: Kind
  var device: UInt32
  var role: UInt8
  /// Source for `ended` and the links, control index for `control`, errno for `ended`.
  var index: UInt64 = 0
  var value: Float = 0
  var isCharging = false
  var state: PlainState

  init(_ kind: Kind, device: DeviceID, role: DeviceRole, state: PlainState = PlainState()) {
    self.kind = kind
    self.device = device.number
    self.role = role.rawValue
    self.state = state
  }
}

/// A tracked state as bytes.
struct PlainState: BitwiseCopyable, Sendable {
  var captured: Int64 = 0
  var received: Int64 = 0
  var position = SIMD3<Double>.zero
  var orientation = SIMD4<Double>(0, 0, 0, 1)
  var angularVelocity = SIMD3<Double>.zero
  var linearVelocity = SIMD3<Double>.zero
  var sigma = SIMD3<Double>.zero
  var flags: UInt32 = 0

  init() {}

  init(_ state: TrackedState) {
    captured = state.captured.nanoseconds
    received = state.received.nanoseconds
    position = state.worldFromDevice.position
    orientation = state.worldFromDevice.orientation.components
    angularVelocity = state.angularVelocity
    linearVelocity = state.linearVelocity
    sigma = SIMD3(state.uncertainty.inclination, state.uncertainty.heading, state.uncertainty.position)
    flags = state.flags.rawValue
  }

  var state: TrackedState {
    TrackedState(
      captured: Timestamp(nanoseconds: captured), received: Timestamp(nanoseconds: received),
      worldFromDevice: Pose(position: position, orientation: Quaternion(orientation)),
      angularVelocity: angularVelocity, linearVelocity: linearVelocity,
      uncertainty: PoseUncertainty(inclination: sigma.x, heading: sigma.y, position: sigma.z),
      flags: TrackingFlags(rawValue: flags))
  }
}
