import BridgeProtocol
import CVRBridge
import Glibc
public import Sensing
public import Spatial

/// Reads poses from shared memory: after `init` no system call, no lock, no allocation.
///
/// For Swift renderers what `vrbridge.h` is for C; it is that header underneath.
public final class PosePageReader {
  private var client = vrb_client()

  /// - Throws: when no bridge answers or it refuses; `poll` then would try again.
  public init(path: String? = nil) throws(BridgeClientError) {
    let result = vrb_connect(&client, path)
    switch -result {
    case 0: return
    case ENOENT, ECONNREFUSED: throw .notRunning(path ?? SocketPath.preferred)
    case EACCES: throw .refused("the bridge refuses this client; see 'access' in its configuration")
    case EPROTONOSUPPORT: throw .protocolViolation("the pose page has another layout version")
    default: throw .protocolViolation(String(cString: strerror(-result)))
    }
  }

  deinit { vrb_disconnect(&client) }

  /// Notices a bridge that went away and connects again. Call once a frame.
  ///
  /// - Returns: whether a bridge is there.
  public func poll() -> Bool { vrb_poll(&client) == 1 }

  /// Place of the first connected device with a role.
  public func slot(of role: DeviceRole) -> Int? {
    let slot = vrb_find_role(&client, UInt32(role.rawValue))
    return slot >= 0 ? Int(slot) : nil
  }

  public func newest(slot: Int) -> TrackedState? {
    var pose = vrb_pose()
    return vrb_newest(&client, Int32(truncatingIfNeeded: slot), &pose) == 0 ? TrackedState(pose) : nil
  }

  /// The pose at a time: interpolated from the history, or predicted at most 100 ms ahead.
  public func state(slot: Int, at time: Timestamp) -> TrackedState? {
    var pose = vrb_pose()
    return vrb_at(&client, Int32(truncatingIfNeeded: slot), time.nanoseconds, &pose) == 0
      ? TrackedState(pose) : nil
  }
}
