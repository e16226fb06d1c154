import Sensing
import Spatial

/// A pose in a line of `/live`, with the fields of the protocol's `Pose`.
struct LivePose: Encodable {
  var deviceId: UInt32
  var role: String?
  var capturedNs: String?
  var receivedNs: String?
  var qx, qy, qz, qw: Double?
  var px, py, pz: Double?
  /// Angular velocity, rad/s, world axes.
  var wx, wy, wz: Double?
  /// Linear velocity, m/s, world axes.
  var vx, vy, vz: Double?
  var flags: UInt32?
  var sigmaInclination, sigmaHeading, sigmaPosition: Float?

  init(_ state: TrackedState, of device: DeviceStatus) {
    deviceId = device.id.number
    role = device.role.json
    capturedNs = state.captured.nanoseconds.json
    receivedNs = state.received.nanoseconds.json
    let (q, p) = (state.worldFromDevice.orientation, state.worldFromDevice.position)
    (qx, qy) = (unless(q.x, is: 0), unless(q.y, is: 0))
    (qz, qw) = (unless(q.z, is: 0), unless(q.w, is: 0))
    (px, py, pz) = (unless(p.x, is: 0), unless(p.y, is: 0), unless(p.z, is: 0))
    let (w, v) = (state.angularVelocity, state.linearVelocity)
    (wx, wy, wz) = (unless(w.x, is: 0), unless(w.y, is: 0), unless(w.z, is: 0))
    (vx, vy, vz) = (unless(v.x, is: 0), unless(v.y, is: 0), unless(v.z, is: 0))
    flags = unless(state.flags.rawValue, is: 0)
    sigmaInclination = unless(Float(state.uncertainty.inclination), is: 0)
    sigmaHeading = unless(Float(state.uncertainty.heading), is: 0)
    sigmaPosition = unless(Float(state.uncertainty.position), is: 0)
  }
}
