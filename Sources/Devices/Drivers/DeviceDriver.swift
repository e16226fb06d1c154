/// A driver in code, for what a description can't express. `DriverTable` lists all of them.
public struct DeviceDriver: Sendable {
  /// The value of `driver` in a description.
  public let name: String
  /// A dongle's radio brings the reports: the part answers only while the device at the other end is on.
  package var isRadio = false
  /// Names of the virtual reports that the splitter makes, by index; none without a splitter.
  package var virtualReports: [String] = []
  /// Makes the splitter of one opened part; nil where reports are decoded as they are read.
  var makeSplitter: (@Sendable () -> any ReportSplitter)?
  /// Reads calibration and geometry from the device; nil where it stores none.
  package var configuration: (any ConfigurationReader)?
  package var emulation = Emulation()

  init(name: String) { self.name = name }

  /// What an emulated interface needs.
  package struct Emulation: Sendable {
    /// Length of a report in bytes, without its id.
    package typealias Report = (id: UInt8, length: Int)
    /// Raw input reports.
    package var inputs: [Report] = []
    /// Feature reports that the driver reads.
    package var features: [Report] = []
    /// Returns the raw report that holds the virtual reports, given by name: the inverse of the splitter.
    package var join: (@Sendable (_ reports: [String: [UInt8]]) -> [UInt8])?
  }
}
