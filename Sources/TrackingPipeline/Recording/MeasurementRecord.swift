import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import Tracking

/// The format of an external pose measurement in the recorder's queue and in a session.
package enum MeasurementRecord {
  /// Bytes: the capture time and twelve doubles.
  package static let size = 13 * 8

  /// Writes all but whether it has an orientation, which the record's head holds.
  package static func write(_ measurement: PoseMeasurement, into body: UnsafeMutableRawBufferPointer) {
    var offset = 8
    func add(_ values: Double...) {
      for value in values {
        body.storeBytes(of: value, toByteOffset: offset, as: Double.self)
        offset += 8
      }
    }
    body.storeBytes(of: measurement.captured.nanoseconds, as: Int64.self)
    let orientation = measurement.orientation ?? .identity
    add(measurement.position.x, measurement.position.y, measurement.position.z)
    add(orientation.x, orientation.y, orientation.z, orientation.w)
    add(measurement.positionNoise, measurement.orientationNoise)
    add(measurement.point.x, measurement.point.y, measurement.point.z)
  }

  /// - Parameter body: bytes that `write` wrote.
  package static func message(
    _ body: UnsafeRawBufferPointer, device: UInt32, hasOrientation: Bool
  ) -> Vrbridge_Session_PlaceMeasured {
    func values(_ range: Range<Int>) -> [Double] {
      range.map { body.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
    }
    return .with {
      $0.deviceID = device
      $0.capturedNs = body.loadUnaligned(as: Int64.self)
      $0.position = values(1..<4)
      if hasOrientation { $0.orientation = values(4..<8) }
      $0.sigmaPosition = values(8..<9)[0]
      $0.sigmaOrientation = values(9..<10)[0]
      $0.point = values(10..<13)
    }
  }
}

extension PoseMeasurement {
  /// Returns nil for a message without the numbers that a measurement needs.
  package init?(_ message: Vrbridge_Session_PlaceMeasured) {
    guard message.position.count == 3, message.point.count == 3,
      message.orientation.isEmpty || message.orientation.count == 4
    else { return nil }
    let turn = message.orientation
    self.init(
      captured: Timestamp(nanoseconds: message.capturedNs),
      position: Vector3(message.position[0], message.position[1], message.position[2]),
      positionNoise: message.sigmaPosition,
      orientation: turn.isEmpty ? nil : Quaternion(x: turn[0], y: turn[1], z: turn[2], w: turn[3]),
      orientationNoise: message.sigmaOrientation,
      point: Vector3(message.point[0], message.point[1], message.point[2]))
  }
}
