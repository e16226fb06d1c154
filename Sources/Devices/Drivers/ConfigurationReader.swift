import Sensing

/// Reads the configuration that a device stores (calibration, serial number, geometry) through feature reports.
package protocol ConfigurationReader: Sendable {
  /// Id of the feature report that brings the stored bytes; a recording without it lacks the configuration.
  var dataFeature: UInt8 { get }

  /// Reads the stored bytes. Blocks; never called on the tracking thread.
  ///
  /// - Throws: `TransportError`, or `ConfigurationError` for answers that hold no configuration.
  func read(from device: any FeatureAccess) throws -> [UInt8]

  /// Parses stored bytes.
  ///
  /// - Parameters:
  ///   - stored: as the device sends them, or the text that they hold.
  ///   - axes: the turn from the device's axes to OpenXR's.
  /// - Throws: for bytes that are no configuration, or hold values that no sensor has.
  func configuration(_ stored: [UInt8], axes: AxisTurn) throws -> DeviceConfiguration

  /// Returns a responder that answers as a device with the stored bytes does.
  ///
  /// - Parameter others: answers all other feature reports.
  func responder(_ stored: [UInt8], others: any FeatureResponder) throws -> any FeatureResponder

  /// Returns what an emulated device stores, with offsets and scales of the size that real units have.
  func emulated(serial: String) -> [UInt8]
}

/// The content of a device's stored configuration.
package struct DeviceConfiguration: Sendable {
  /// Empty where the configuration has none.
  package var serial: String
  /// USB product, where the configuration has it.
  package var product: UInt16?
  /// For samples in OpenXR axes.
  package var calibration: InertialCalibration
  /// The light sensors, in the frame of the head or hand.
  package var sensors: [OpticalSensor]
}
