import Sensing
import Spatial

extension Vrbridge_V1_Role {
  public init(_ role: DeviceRole) { self = Vrbridge_V1_Role(rawValue: Int(role.rawValue)) ?? .none }

  /// The role; one of a newer protocol counts as a tracker.
  public var deviceRole: DeviceRole {
    UInt8(exactly: rawValue).flatMap { DeviceRole(rawValue: $0) } ?? .tracker
  }
}

extension Vrbridge_V1_Pose {
  public init(_ state: TrackedState, device: DeviceID, role: DeviceRole) {
    self.init()
    deviceID = device.number
    self.role = Vrbridge_V1_Role(role)
    capturedNs = state.captured.nanoseconds
    receivedNs = state.received.nanoseconds
    let q = state.worldFromDevice.orientation
    (qx, qy, qz, qw) = (q.x, q.y, q.z, q.w)
    let p = state.worldFromDevice.position
    (px, py, pz) = (p.x, p.y, p.z)
    (wx, wy, wz) = (state.angularVelocity.x, state.angularVelocity.y, state.angularVelocity.z)
    (vx, vy, vz) = (state.linearVelocity.x, state.linearVelocity.y, state.linearVelocity.z)
    flags = state.flags.rawValue
    sigmaInclination = Float(state.uncertainty.inclination)
    sigmaHeading = Float(state.uncertainty.heading)
    sigmaPosition = Float(state.uncertainty.position)
  }

  public var state: TrackedState {
    TrackedState(
      captured: Timestamp(nanoseconds: capturedNs), received: Timestamp(nanoseconds: receivedNs),
      worldFromDevice: Pose(
        position: Vector3(px, py, pz), orientation: Quaternion(x: qx, y: qy, z: qz, w: qw)),
      angularVelocity: Vector3(wx, wy, wz), linearVelocity: Vector3(vx, vy, vz),
      uncertainty: PoseUncertainty(
        inclination: Double(sigmaInclination), heading: Double(sigmaHeading),
        position: Double(sigmaPosition)),
      flags: TrackingFlags(rawValue: flags))
  }
}
