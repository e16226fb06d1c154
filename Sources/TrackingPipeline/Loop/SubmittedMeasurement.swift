import Sensing
import Spatial
import Tracking

/// An external pose measurement on its way to the tracking thread, as plain bytes.
///
/// Its numbers are single doubles, so that an entry of the ring has no padding.
package struct SubmittedMeasurement: BitwiseCopyable, Sendable {
  package var device: UInt32
  /// The slot of the device's pipeline.
  package var slot: Int32
  private var captured: Int64
  private var position: (Double, Double, Double)
  private var positionNoise: Double
  private var orientation: (Double, Double, Double, Double)
  private var orientationNoise: Double
  private var point: (Double, Double, Double)
  private var hasOrientation: Bool

  package init(_ measurement: PoseMeasurement, device: DeviceID, slot: Int) {
    self.device = device.number
    self.slot = Int32(truncatingIfNeeded: slot)
    captured = measurement.captured.nanoseconds
    position = (measurement.position.x, measurement.position.y, measurement.position.z)
    positionNoise = measurement.positionNoise
    let turn = measurement.orientation ?? .identity
    orientation = (turn.x, turn.y, turn.z, turn.w)
    orientationNoise = measurement.orientationNoise
    point = (measurement.point.x, measurement.point.y, measurement.point.z)
    hasOrientation = measurement.orientation != nil
  }

  package var measurement: PoseMeasurement {
    let turn = Quaternion(x: orientation.0, y: orientation.1, z: orientation.2, w: orientation.3)
    return PoseMeasurement(
      captured: Timestamp(nanoseconds: captured), position: Vector3(position.0, position.1, position.2),
      positionNoise: positionNoise, orientation: hasOrientation ? turn : nil,
      orientationNoise: orientationNoise, point: Vector3(point.0, point.1, point.2))
  }
}
