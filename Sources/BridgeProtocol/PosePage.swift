import CLinux
import CVRBridge
import Diagnostics
import Glibc
import Sensing
import Spatial

/// The shared memory that renderers read poses from. Layout: `CVRBridge/vrbridge.h`.
///
/// `@unchecked Sendable`: one thread publishes; sequence locks guard what readers copy.
public final class PosePage: @unchecked Sendable {
  public static let slotCount = Int(VRB_MAX_SLOT_COUNT)
  /// The sealed memory file, to be passed to clients.
  public let fileDescriptor: Int32
  public let size = vrb_page_length()
  /// Bytes that a client of the layout's first revision reads.
  public static let firstRevisionSize = MemoryLayout<vrb_page>.size
  private let page: UnsafeMutablePointer<vrb_page>

  /// - Throws: when the kernel provides no memory file.
  public init(now: Timestamp) throws(PosePageError) {
    var address: UnsafeMutableRawPointer?
    let fd = linux_sealed_memory("vrbridge-poses", size, &address)
    guard fd >= 0, let address else { throw PosePageError(errno: -fd) }
    fileDescriptor = fd
    page = address.bindMemory(to: vrb_page.self, capacity: 1)
    vrb_page_begin(page, now.nanoseconds)
  }

  deinit {
    munmap(page, size)
    Glibc.close(fileDescriptor)
  }

  /// Marks the page as closed: readers then connect again.
  public func markClosed() { vrb_page_close(page) }

  public func identify(
    slot: Int, device: DeviceID?, role: DeviceRole, origin: Origin, isConnected: Bool, name: String
  ) {
    vrb_slot_identify(
      page, UInt32(slot), device?.number ?? 0, UInt32(role.rawValue), UInt32(origin.rawValue),
      isConnected ? 1 : 0, name)
  }

  /// Publishes a state; called on the tracking thread: no allocation, no lock, no system call.
  public func publish(slot: Int, _ state: TrackedState) {
    var pose = vrb_pose(state)
    vrb_slot_publish(page, UInt32(truncatingIfNeeded: slot), &pose)
  }

  /// Returns the state at a time, interpolated or predicted as clients compute it; nil outside the history. From any
  /// thread.
  public func state(slot: Int, at time: Timestamp) -> TrackedState? {
    var client = vrb_client()
    client.page = UnsafePointer(page)
    client.page_size = size
    var pose = vrb_pose()
    guard vrb_at(&client, Int32(slot), time.nanoseconds, &pose) == 0 else { return nil }
    return TrackedState(pose)
  }

  /// Returns the newest state of a slot; nil before the first.
  public func newest(slot: Int) -> TrackedState? {
    guard (0..<Self.slotCount).contains(slot) else { return nil }
    let found = UnsafeMutablePointer(mutating: vrb_page_slot(page, Int32(slot)))
    var pose = vrb_pose()
    guard let found, vrb_copy_entry(&found.pointee.newest, &pose) != 0 else { return nil }
    return TrackedState(pose)
  }
}

/// The kernel provided no shared memory for the pose page.
public struct PosePageError: CodedError {
  public let errno: Int32

  public var code: String { "pose-page-memory" }
  public var description: String {
    "the kernel provides no shared memory for the pose page: \(String(cString: strerror(errno)))"
  }
}

extension vrb_pose {
  public init(_ state: TrackedState) {
    let q = state.worldFromDevice.orientation
    let p = state.worldFromDevice.position
    let w = state.angularVelocity
    let v = state.linearVelocity
    func ahead(_ index: Int) -> (Float, Float, Float) {
      let rate = state.predictedAngularVelocities[index]
      return (Float(rate.x), Float(rate.y), Float(rate.z))
    }
    self.init(
      captured_ns: state.captured.nanoseconds, received_ns: state.received.nanoseconds,
      orientation: (q.x, q.y, q.z, q.w), position: (p.x, p.y, p.z), angular_velocity: (w.x, w.y, w.z),
      linear_velocity: (v.x, v.y, v.z), sigma_inclination: Float(state.uncertainty.inclination),
      sigma_heading: Float(state.uncertainty.heading), sigma_position: Float(state.uncertainty.position),
      flags: state.flags.rawValue, rate_ahead: (ahead(0), ahead(1), ahead(2), ahead(3)))
  }
}

extension TrackedState {
  public init(_ pose: vrb_pose) {
    self.init(
      captured: Timestamp(nanoseconds: pose.captured_ns), received: Timestamp(nanoseconds: pose.received_ns),
      worldFromDevice: Pose(
        position: Vector3(pose.position.0, pose.position.1, pose.position.2),
        orientation: Quaternion(
          x: pose.orientation.0, y: pose.orientation.1, z: pose.orientation.2, w: pose.orientation.3)),
      angularVelocity: Vector3(pose.angular_velocity.0, pose.angular_velocity.1, pose.angular_velocity.2),
      linearVelocity: Vector3(pose.linear_velocity.0, pose.linear_velocity.1, pose.linear_velocity.2),
      uncertainty: PoseUncertainty(
        inclination: Double(pose.sigma_inclination), heading: Double(pose.sigma_heading),
        position: Double(pose.sigma_position)),
      flags: TrackingFlags(rawValue: pose.flags))
    let ahead = pose.rate_ahead
    func rate(_ rate: (Float, Float, Float)) -> Vector3 {
      Vector3(Double(rate.0), Double(rate.1), Double(rate.2))
    }
    predictedAngularVelocities = [rate(ahead.0), rate(ahead.1), rate(ahead.2), rate(ahead.3)]
  }
}
