import Sensing
import Spatial
import Tracking

/// Sees what a pipeline takes in and gives out, on the pipeline's thread and in its order.
protocol PipelineTap: AnyObject {
  /// Before a report is processed.
  func begin(device: DeviceID, part: Int, report: UnsafeRawBufferPointer, received: Timestamp)
  /// Whether it wants to see samples.
  var wantsSamples: Bool { get }
  /// A calibrated sample: when it was taken, rad/s and m/s².
  func sample(captured: Timestamp, rate: Vector3, force: Vector3, device: DeviceID)
  /// Light that a sensor saw, and where the sensor is when the device says it; for who wants samples.
  func optical(_ sample: OpticalSample, by sensor: OpticalSensor?, device: DeviceID)
  /// A state that was published.
  func state(_ state: TrackedState, device: DeviceID)
  func control(_ index: Int, value: Float, device: DeviceID, at time: Timestamp)
  func battery(_ battery: BatteryState, device: DeviceID, at time: Timestamp)
  func link(isUp: Bool, device: DeviceID, at time: Timestamp)
  func health(isDegraded: Bool, device: DeviceID, at time: Timestamp)
  /// Others measured where the device was; between reports.
  func measured(_ measurement: PositionMeasurement, device: DeviceID, at time: Timestamp)
  /// After a report was processed: when its newest sample was taken, and the device's counter then.
  func end(captured: Timestamp?, deviceTicks: UInt64?)
}

/// Most want to see only some of it.
extension PipelineTap {
  var wantsSamples: Bool { false }
  func sample(captured: Timestamp, rate: Vector3, force: Vector3, device: DeviceID) {}
  func optical(_ sample: OpticalSample, by sensor: OpticalSensor?, device: DeviceID) {}
  func begin(device: DeviceID, part: Int, report: UnsafeRawBufferPointer, received: Timestamp) {}
  func state(_ state: TrackedState, device: DeviceID) {}
  func control(_ index: Int, value: Float, device: DeviceID, at time: Timestamp) {}
  func battery(_ battery: BatteryState, device: DeviceID, at time: Timestamp) {}
  func link(isUp: Bool, device: DeviceID, at time: Timestamp) {}
  func health(isDegraded: Bool, device: DeviceID, at time: Timestamp) {}
  func measured(_ measurement: PositionMeasurement, device: DeviceID, at time: Timestamp) {}
  func end(captured: Timestamp?, deviceTicks: UInt64?) {}
}
