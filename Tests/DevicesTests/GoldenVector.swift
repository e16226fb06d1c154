import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices

/// Decodes reports of a family's part, given in hexadecimal.
enum GoldenVector {
  static func decode(
    _ family: String, _ part: String, _ reports: [String], replies: [String: [UInt8]] = [:]
  ) throws -> (batch: SampleBatch, samples: [InertialSample], controls: [Control]) {
    let description = try TestPaths.description(family)
    let found = try #require(description.parts.first { $0.name == part })
    let decoder = try PartDecoder(part: found, replies: replies, controls: description.controls)
    let batch = SampleBatch()
    var samples: [InertialSample] = []
    for report in reports {
      batch.begin()
      try bytes(report).withUnsafeBytes {
        _ = try decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
      }
      samples += (0..<batch.inertialCount).map { batch.inertial($0) }
    }
    return (batch, samples, description.controls)
  }
}

/// Whether two vectors differ by less than the tolerance, in their unit.
func near(_ a: Vector3, _ b: Vector3, _ tolerance: Double) -> Bool { (a - b).length < tolerance }
