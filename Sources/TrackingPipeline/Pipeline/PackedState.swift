import Sensing
import Spatial

/// A tracked state as plain bytes, without its predicted angular velocities.
package struct PackedState: BitwiseCopyable, Sendable {
  /// CLOCK_MONOTONIC, ns.
  package private(set) var captured: Int64 = 0
  package private(set) var received: Int64 = 0
  private var position = (0.0, 0.0, 0.0)
  /// x, y, z, w.
  private var orientation = (0.0, 0.0, 0.0, 1.0)
  private var angularVelocity = (0.0, 0.0, 0.0)
  private var linearVelocity = (0.0, 0.0, 0.0)
  /// Inclination, heading and position.
  private var uncertainty = (0.0, 0.0, 0.0)
  private var flags: UInt32 = 0

  package init() {}

  package init(_ state: TrackedState) {
    captured = state.captured.nanoseconds
    received = state.received.nanoseconds
    position = Self.numbers(state.worldFromDevice.position)
    let turn = state.worldFromDevice.orientation
    orientation = (turn.x, turn.y, turn.z, turn.w)
    angularVelocity = Self.numbers(state.angularVelocity)
    linearVelocity = Self.numbers(state.linearVelocity)
    uncertainty = (state.uncertainty.inclination, state.uncertainty.heading, state.uncertainty.position)
    flags = state.flags.rawValue
  }

  package var state: TrackedState {
    TrackedState(
      captured: Timestamp(nanoseconds: captured), received: Timestamp(nanoseconds: received),
      worldFromDevice: Pose(
        position: Self.vector(position),
        orientation: Quaternion(x: orientation.0, y: orientation.1, z: orientation.2, w: orientation.3)),
      angularVelocity: Self.vector(angularVelocity), linearVelocity: Self.vector(linearVelocity),
      uncertainty: PoseUncertainty(
        inclination: uncertainty.0, heading: uncertainty.1, position: uncertainty.2),
      flags: TrackingFlags(rawValue: flags))
  }

  private static func numbers(_ vector: Vector3) -> (Double, Double, Double) {
    (vector.x, vector.y, vector.z)
  }

  private static func vector(_ numbers: (Double, Double, Double)) -> Vector3 {
    Vector3(numbers.0, numbers.1, numbers.2)
  }
}
