import BridgeClient
import CommandSupport
import Sensing
import Spatial
import Tracking

/// Estimates an alignment from the poses of the first seconds and the device's orientations in the pose page.
final class AlignmentSearch {
  private var collected = DelayedAlignment()
  private let page: PosePageReader
  private let seconds: Double
  private var start: Timestamp?

  init(seconds: Double, socket: String?) throws {
    self.seconds = seconds
    page = try PosePageReader(path: socket)
  }

  /// Adds one orientation of the body.
  ///
  /// - Returns: the alignment once `seconds` have passed, else nil.
  func add(
    _ time: Timestamp, _ worldFromBody: Quaternion, slot: Int
  ) throws(CommandError) -> PoseAlignment? {
    let start = start ?? time
    self.start = start
    collected.add(time, worldFromBody: worldFromBody) { time in
      // A predicted orientation is no measurement.
      guard let state = page.state(slot: slot, at: time), !state.flags.contains(.predicted) else {
        return nil
      }
      return state.worldFromDevice.orientation
    }
    guard time.seconds(since: start) >= seconds else { return nil }
    do {
      let (solution, delay) = try collected.solve()
      return PoseAlignment(solution, delay: delay)
    } catch { throw CommandError("alignment-failed", error.description) }
  }
}
