import Foundation
import MCAP
import Sensing
import Spatial
import SwiftProtobuf

/// A report that the bridge wrote to a device.
public struct WrittenReportRecord: QueuedRecord {
  public var report: [UInt8]
  public var device: DeviceID
  public var part: Int
  /// Whether it is an output report; a feature report otherwise.
  public var isOutput: Bool
  public var time: Timestamp

  public init(report: [UInt8], device: DeviceID, part: Int, isOutput: Bool, time: Timestamp) {
    self.report = report
    self.device = device
    self.part = part
    self.isOutput = isOutput
    self.time = time
  }

  public var stream: RecordedStream { .reports }
  public var byteCount: Int { report.count + 64 }

  public func write(to file: RecordingFile) throws(OutputError) {
    try file.write(at: time) {
      $0.featureWritten.deviceID = device.number
      $0.featureWritten.part = UInt32(truncatingIfNeeded: part)
      $0.featureWritten.report = Data(report)
      $0.featureWritten.isOutput = isOutput
    }
  }
}

/// A change of a device's state, with its reason.
public struct TransitionRecord: QueuedRecord {
  public var state: DeviceState
  public var reason: String
  public var device: DeviceID
  public var time: Timestamp

  public init(state: DeviceState, reason: String, device: DeviceID, time: Timestamp) {
    self.state = state
    self.reason = reason
    self.device = device
    self.time = time
  }

  public var stream: RecordedStream { .reports }
  public var byteCount: Int { reason.utf8.count + 64 }

  public func write(to file: RecordingFile) throws(OutputError) {
    try file.write(at: time) {
      $0.transition.deviceID = device.number
      $0.transition.state = state.name
      $0.transition.reason = reason
    }
  }
}
