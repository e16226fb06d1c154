import Glibc
import Sensing
import Spatial

/// Reads and writes feature reports. Blocking; never called on the tracking thread.
public protocol FeatureAccess: AnyObject, Sendable {
  /// - Parameters:
  ///   - id: 0 for unnumbered reports.
  ///   - length: bytes to ask for, the id byte included.
  /// - Returns: the report with its id byte.
  func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8]
  /// Writes a feature report whose first byte is its id.
  func setFeature(_ report: [UInt8]) throws(TransportError)
  /// Writes an output report whose first byte is its id (0 for unnumbered).
  func writeOutput(_ report: [UInt8]) throws(TransportError)
  /// Waits for an input report that answers a command, before anyone else reads the interface.
  ///
  /// - Returns: nil when none came in time.
  func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]?
}

/// One open interface: something to poll, to read reports from, and to exchange feature reports with.
public protocol Transport: FeatureAccess {
  var identity: InterfaceIdentity { get }
  var descriptor: HIDReportDescriptor? { get }
  /// Readable when a report waits.
  var fileDescriptor: Int32 { get }
  /// Reads one report without blocking and without allocating.
  func read(into buffer: UnsafeMutableRawBufferPointer, received: inout Timestamp) -> ReadResult
  /// `received` is the time of the reading; false where it is an earlier one that came with the report.
  var stampsWhenRead: Bool { get }
  func close()
}

extension Transport {
  public var stampsWhenRead: Bool { false }
}

public enum ReadResult: Sendable, Equatable {
  case report(Int)
  case nothing
  /// The device is gone, or the recording has ended; the errno, 0 for a plain end.
  case ended(Int32)
}

public struct TransportError: Error, Sendable, CustomStringConvertible {
  public var operation: String
  public var code: Int32
  public init(_ operation: String, code: Int32) {
    self.operation = operation
    self.code = code
  }
  public var description: String { "\(operation): \(errorText(code))" }

  /// The device does not answer, or is gone: asking again would only wait again.
  public var isFinal: Bool {
    [ETIMEDOUT, ENODEV, ENOENT, ESHUTDOWN, EBADF].contains(code)
  }
}
