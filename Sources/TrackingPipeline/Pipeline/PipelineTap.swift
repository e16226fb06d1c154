import Sensing
import Spatial
import Tracking

/// Receives the input and output of a pipeline, on the pipeline's thread and in its order.
package protocol PipelineTap: AnyObject {
  /// Called before a report is processed.
  func begin(device: DeviceID, part: Int, report: UnsafeRawBufferPointer, received: Timestamp)
  /// Whether `sample` and `optical` are called.
  var wantsSamples: Bool { get }
  /// A calibrated sample: capture time, angular velocity in rad/s and specific force in m/s².
  func sample(captured: Timestamp, rate: Vector3, force: Vector3, device: DeviceID)
  /// An optical sample, with its sensor's position when the device reports it.
  func optical(_ sample: OpticalSample, by sensor: OpticalSensor?, device: DeviceID)
  /// A state that was published.
  func state(_ state: TrackedState, device: DeviceID)
  func control(_ index: Int, value: Float, device: DeviceID, at time: Timestamp)
  func battery(_ battery: BatteryState, device: DeviceID, at time: Timestamp)
  func link(isUp: Bool, device: DeviceID, at time: Timestamp)
  func health(isDegraded: Bool, device: DeviceID, at time: Timestamp)
  /// A limitation of the device appeared or ended.
  func limited(_ limitation: TrackingLimitation, isActive: Bool, device: DeviceID, at time: Timestamp)
  /// An external pose measurement; called between reports.
  func measured(_ measurement: PoseMeasurement, device: DeviceID, at time: Timestamp)
  /// Called after a report was processed: capture time of its newest sample, and the device's clock at it.
  func end(captured: Timestamp?, deviceTicks: UInt64?)
}

/// Default implementations that do nothing: most taps use a part of the protocol.
extension PipelineTap {
  package var wantsSamples: Bool { false }
  package func sample(captured: Timestamp, rate: Vector3, force: Vector3, device: DeviceID) {}
  package func optical(_ sample: OpticalSample, by sensor: OpticalSensor?, device: DeviceID) {}
  package func begin(device: DeviceID, part: Int, report: UnsafeRawBufferPointer, received: Timestamp) {}
  package func state(_ state: TrackedState, device: DeviceID) {}
  package func control(_ index: Int, value: Float, device: DeviceID, at time: Timestamp) {}
  package func battery(_ battery: BatteryState, device: DeviceID, at time: Timestamp) {}
  package func link(isUp: Bool, device: DeviceID, at time: Timestamp) {}
  package func health(isDegraded: Bool, device: DeviceID, at time: Timestamp) {}
  package func limited(
    _ limitation: TrackingLimitation, isActive: Bool, device: DeviceID, at time: Timestamp
  ) {}
  package func measured(_ measurement: PoseMeasurement, device: DeviceID, at time: Timestamp) {}
  package func end(captured: Timestamp?, deviceTicks: UInt64?) {}
}
