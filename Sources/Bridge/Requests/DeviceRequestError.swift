import Diagnostics
import Sensing
import Tracking

/// Why a request about devices was refused.
enum DeviceRequestError: CodedError, Equatable {
  /// No connected device has the id.
  case unknownDevice(DeviceID)
  /// The device has no haptics.
  case cannotVibrate(DeviceID)
  /// The device has no light.
  case hasNoLight(DeviceID)
  /// The device has no IMU, which the fusion of measurements needs.
  case hasNoIMU(DeviceID)
  /// A request holds no measurement, or more than the limit.
  case measurementCount(limit: Int)
  /// A number of a measurement is missing, not finite or out of range.
  case invalidMeasurement(DeviceID)
  /// Measurements of one device arrive more often than the bridge accepts.
  case tooManyMeasurements(DeviceID, perSecond: Int)
  /// The queue of measurements is full.
  case measurementQueueFull(capacity: Int)
  /// Too many requests wait for the device manager.
  case busy

  var code: String {
    switch self {
    case .unknownDevice: "device-unknown"
    case .cannotVibrate: "device-without-haptics"
    case .hasNoLight: "device-without-light"
    case .hasNoIMU: "device-without-imu"
    case .measurementCount: "measurement-count"
    case .invalidMeasurement: "measurement-invalid"
    case .tooManyMeasurements: "measurement-rate"
    case .measurementQueueFull: "measurement-queue-full"
    case .busy: "device-manager-busy"
    }
  }

  var description: String {
    switch self {
    case .unknownDevice(let id):
      "no connected device has the id \(id.number); 'vrbridge devices' lists ids"
    case .cannotVibrate(let id): "device \(id.number) has no haptics"
    case .hasNoLight(let id): "device \(id.number) has no light"
    case .hasNoIMU(let id):
      "device \(id.number) has no IMU, so that its position can't be predicted between measurements"
    case .measurementCount(let limit): "a request must hold 1 to \(limit) measurements"
    case .invalidMeasurement(let id):
      "the measurement of device \(id.number) is invalid: it must have finite numbers, a position within \(Int(PoseMeasurement.farthest)) m, a quaternion of length 1 or of zeros, and standard deviations from \(PoseMeasurement.noiseRange.lowerBound) to \(PoseMeasurement.noiseRange.upperBound)"
    case .tooManyMeasurements(let id, let rate):
      "device \(id.number) is measured more than \(rate) times per second; send fewer measurements"
    case .measurementQueueFull(let capacity):
      "the queue of \(capacity) measurements is full; send fewer measurements"
    case .busy: "too many requests wait for devices; send them more slowly"
    }
  }
}
