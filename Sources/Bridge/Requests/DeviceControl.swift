import Sensing
import Tracking

/// Device operations that clients request; all that the socket server depends on.
protocol DeviceControl: Sendable {
  /// Every device that is connected, or was since the bridge started.
  var statuses: [DeviceStatus] { get }

  func vibrate(_ request: HapticRequest) throws(DeviceRequestError)
  func shine(_ request: LightRequest) throws(DeviceRequestError)
  func setRole(_ role: DeviceRole, of device: DeviceID) throws(DeviceRequestError)
  /// Makes the present headings of all devices the world's −Z.
  func recenter()
  /// Fuses external pose measurements: all of them, or none on an error.
  func measure(_ measurements: [(device: DeviceID, PoseMeasurement)]) throws(DeviceRequestError)
}

struct HapticRequest: Sendable {
  var device: DeviceID
  /// 0...1.
  var amplitude: Double
  /// Hz; 0 lets the device choose.
  var frequency: Double
  /// Seconds.
  var duration: Double
}

/// A colour, each component 0...1; black switches the light off.
struct LightRequest: Sendable {
  var device: DeviceID
  var red: Double
  var green: Double
  var blue: Double
}
