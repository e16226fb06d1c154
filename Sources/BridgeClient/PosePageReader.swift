import BridgeProtocol
import CVRBridge
import Glibc
public import Sensing
public import Spatial

/// Reads poses from shared memory: after ``init(path:)`` no system call, no lock, no allocation.
///
/// The Swift interface of `vrbridge.h`. Poses are world-from-device in OpenXR's frame (right-handed, +X right, +Y up, −Z
/// forward), metres and quaternions (x, y, z, w); velocities are in world axes. Use one reader for each thread.
public final class PosePageReader {
  private var client = vrb_client()

  /// Connects to a bridge and maps its pose page.
  ///
  /// - Parameter path: path of the bridge's socket; nil for `$VRBRIDGE_SOCKET`, the user's or the system's bridge.
  /// - Throws: ``BridgeClientError/notRunning(_:)`` without a bridge, ``BridgeClientError/refused(_:)`` without the scope
  ///   `poses`, ``BridgeClientError/protocolViolation(_:)`` for another layout version.
  public init(path: String? = nil) throws(BridgeClientError) {
    let result = vrb_connect(&client, path)
    switch -result {
    case 0: return
    case ENOENT, ECONNREFUSED: throw .notRunning(path ?? SocketPath.preferred)
    case EACCES:
      throw .refused(
        "the bridge refuses this client; grant the scope 'poses' under 'access' in its configuration")
    case EPROTONOSUPPORT: throw .protocolViolation("the pose page has another layout version")
    default: throw .protocolViolation(String(cString: strerror(-result)))
    }
  }

  deinit { vrb_disconnect(&client) }

  /// Reconnects after the bridge was restarted, at most five times a second. Call it once a frame.
  ///
  /// - Returns: whether a bridge is connected. After a reconnection roles may have other slots.
  public func poll() -> Bool { vrb_poll(&client) == 1 }

  /// Returns the slot of the first connected device with a role; nil for none.
  ///
  /// - Parameter role: the role that the bridge assigned.
  public func slot(of role: DeviceRole) -> Int? {
    let slot = vrb_find_role(&client, UInt32(role.rawValue))
    return slot >= 0 ? Int(slot) : nil
  }

  /// The slots of all connected devices.
  public var connectedSlots: [Int] {
    var slots: [Int] = []
    var slot = vrb_next_slot(&client, -1)
    while slot >= 0 {
      slots.append(Int(slot))
      slot = vrb_next_slot(&client, slot)
    }
    return slots
  }

  /// Returns the newest state of a slot; nil before the first.
  ///
  /// - Parameter slot: a result of ``slot(of:)``, or one of ``connectedSlots``.
  public func newest(slot: Int) -> TrackedState? {
    var pose = vrb_pose()
    return vrb_newest(&client, Int32(truncatingIfNeeded: slot), &pose) == 0 ? TrackedState(pose) : nil
  }

  /// Returns the state at a time: interpolated from the history, or predicted at most 100 ms ahead.
  ///
  /// - Parameters:
  ///   - slot: a result of ``slot(of:)``, or one of ``connectedSlots``.
  ///   - time: nanoseconds of `CLOCK_MONOTONIC`; for a renderer the time at which the frame is displayed.
  /// - Returns: nil without a state, or for a time before the history (256 states). The flags state whether the pose is
  ///   exact, interpolated, predicted or capped.
  public func state(slot: Int, at time: Timestamp) -> TrackedState? {
    var pose = vrb_pose()
    return vrb_at(&client, Int32(truncatingIfNeeded: slot), time.nanoseconds, &pose) == 0
      ? TrackedState(pose) : nil
  }
}
