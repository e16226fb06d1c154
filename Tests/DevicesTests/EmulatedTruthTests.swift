import DeviceEmulation
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices

/// What an emulated device sends, its decoder gives back to the quantisation step.
struct EmulatedTruthTests {
  /// All parts of the catalogue that meet a condition, so that a new family is covered by itself.
  static func parts(
    where isMeant: (PartDescription) -> Bool
  ) throws -> [(family: String, part: String)] {
    try TestPaths.catalog().descriptions.flatMap { description in
      description.parts.filter { isMeant($0) }.map { (description.family, $0.name) }
    }
  }

  private func device(_ family: String, _ part: String, errors: InertialErrors = .none) throws
    -> EmulatedDevice
  {
    try EmulatedDevice(
      try TestPaths.description(family),
      options: EmulatedDevice.Options(part: part, motion: .gesturing(), errors: errors))
  }

  @Test(arguments: try parts { $0.hasInertialUnit })
  func samplesEqualTheTruthToTheQuantisationStep(_ family: String, _ part: String) throws {
    let device = try device(family, part)
    let opened = try PartOpener.open(device.match, features: device.responder, descriptor: device.descriptor)
    #expect(opened.warnings.isEmpty, "\(opened.warnings)")
    var generator = try device.generator()
    let step = try #require(generator.encoder.quantization)
    let batch = SampleBatch()
    var truth: [(rate: Vector3, force: Vector3)] = []
    var decoded: [InertialSample] = []
    for _ in 0..<2000 {
      let sample = generator.next()
      truth.append((sample.rate, sample.force))
      for report in sample.reports {
        batch.begin()
        try report.withUnsafeBytes {
          _ = try opened.decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
        }
        decoded += (0..<batch.inertialCount).map { batch.inertial($0) }
      }
    }
    // A ring's first report shows the same sample in every slot.
    // Samples that share a report wait for each other.
    #expect(decoded.count > truth.count - 3 && decoded.count <= truth.count)
    // Calibration scales the step a little; rotation by axes does not.
    let tolerance = 1.1
    for (sample, true_) in zip(decoded, truth) {
      let rate = opened.calibration.gyroscope(sample.angularVelocity) - true_.rate
      let force = opened.calibration.accelerometer(sample.specificForce) - true_.force
      #expect(
        abs(rate.x) <= step.rate * tolerance && abs(rate.y) <= step.rate * tolerance
          && abs(rate.z) <= step.rate * tolerance)
      #expect(
        abs(force.x) <= step.force * tolerance && abs(force.y) <= step.force * tolerance
          && abs(force.z) <= step.force * tolerance)
    }
  }

  @Test(arguments: try parts { $0.reportsMotion && !$0.hasInertialUnit })
  func orientationsEqualTheTruth(_ family: String, _ part: String) throws {
    let device = try device(family, part)
    let description = try #require(device.match.part.reports.lazy.compactMap(\.orientation).first)
    // Half a step in each of up to four numbers; a quaternion's error is half the angle's.
    let step = description.fields.first?.number == .float ? 0x1p-23 : description.scale
    let tolerance = 2 * step
    let opened = try PartOpener.open(device.match, features: device.responder, descriptor: device.descriptor)
    var generator = try device.generator()
    let batch = SampleBatch()
    for _ in 0..<1000 {
      let step = generator.next()
      batch.begin()
      try #require(step.reports.first).withUnsafeBytes {
        _ = try opened.decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
      }
      let orientation = try #require(batch.orientation)
      #expect(orientation.worldFromDevice.angle(to: step.truth.worldFromDevice.orientation) <= tolerance)
    }
  }

  @Test func androidHeadTrackerIsSwitchedOn() throws {
    let device = try EmulatedDevice(
      try TestPaths.description("android-head-tracker"), options: EmulatedDevice.Options())
    _ = try PartOpener.open(device.match, features: device.responder, descriptor: device.descriptor)
    // Reporting state 1, power state 1, interval 0.
    #expect(device.responder.written == [[0x01, 0x03]])
  }

  @Test func controlsComeBack() throws {
    for (family, part) in [("sony-dualsense", "usb"), ("htc-vive-wand", "radio")] {
      let device = try device(family, part)
      let opened = try PartOpener.open(
        device.match, features: device.responder, descriptor: device.descriptor)
      var generator = try device.generator()
      let batch = SampleBatch()
      var seen: [Float: Int] = [:]
      for _ in 0..<3000 {
        for report in generator.next().reports {
          batch.begin()
          try report.withUnsafeBytes {
            _ = try opened.decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
          }
        }
        let trigger = try #require(
          device.match.description.controls.firstIndex {
            $0.path.hasPrefix("/input/trigger") && $0.kind == .trigger
          })
        seen[batch.controlValue(trigger), default: 0] += 1
      }
      let values = seen.keys.sorted()
      #expect(values.first == 0 && values.last == 1 && values.count > 200)
    }
  }

  @Test func riftReportsWithSeveralSamplesAndMeansAddUpToTheSameTurn() throws {
    for perReport in [1, 2, 3, 5] {
      let device = try device("oculus-dk1", "tracker")
      let opened = try PartOpener.open(
        device.match, features: device.responder, descriptor: device.descriptor)
      var generator = try device.generator()
      generator.encoder.samplesPerReport = perReport
      let batch = SampleBatch()
      var truth = Vector3.zero
      var decoded = Vector3.zero
      for _ in 0..<3000 {
        let step = generator.next()
        truth += step.rate
        for report in step.reports {
          batch.begin()
          try report.withUnsafeBytes {
            _ = try opened.decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
          }
          for index in 0..<batch.inertialCount {
            decoded += batch.inertial(index).angularVelocity * Double(batch.inertial(index).periods)
          }
        }
      }
      #expect((truth - decoded).length < 0.5, "\(perReport) samples a report: \(truth) against \(decoded)")
    }
  }
}
