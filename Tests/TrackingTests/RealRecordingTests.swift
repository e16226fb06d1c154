import Devices
import Foundation
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Tracking

/// Physics on real captures: gravity is where and as large as it is.
@Suite(.enabled(if: TestPaths.hasCorpus, "needs VRBRIDGE_CORPUS"))
struct RealRecordingTests {
  static let recordings: [(recording: String, configuration: String)] = [
    ("vive_wand_wired_imu_still", "LHR-F7EFD942"), ("vive_hmd_imu_wake", "LHR-C5C0BC88"),
    ("vive_wand_wired_imu_quick", "LHR-F7EFD942"),
  ]

  @Test(arguments: recordings)
  func gravityIsDownAndOneG(_ name: String, _ configuration: String) throws {
    let recording = try HIDRecording.read(path: TestPaths.vive("hid-recorder/\(name).hid.gz"))
    let interface = recording.interfaces[0]
    let match = try #require(
      try TestPaths.catalog().match(interface.identity, descriptor: interface.descriptor))
    let blob = [UInt8](
      try Data(contentsOf: URL(fileURLWithPath: TestPaths.vive("config/\(configuration).config.zlib"))))
    let player = try RecordedPlayer(
      recording: recording, pace: .asFastAsPossible,
      features: [LighthouseFeatures(blob: blob, others: RecordedFeatures([]))])
    let transport = player.transports[0]
    defer { transport.close() }
    let opened = try PartOpener.open(match, transport: transport)
    #expect(opened.calibration.source == .factory)
    #expect(opened.configuredSerial == configuration)

    var tracker = DeviceTracker(
      calibration: opened.calibration, sampleRate: match.part.sampleRate, clock: (48e6, 32), origin: .recorded
    )
    var baseline = DeviceTracker(
      calibration: opened.calibration, sampleRate: match.part.sampleRate, clock: (48e6, 32),
      origin: .recorded,
      settings: try EstimatorSettings(estimator: ComplementaryFilter.name))
    var baselineAngles: [Double] = []
    let batch = SampleBatch()
    var norms: [Double] = []
    var angles: [Double] = []
    var pending: [(Vector3, TrackedState)] = []
    for event in recording.events {
      batch.begin()
      try recording.bytes[event.range].withUnsafeBytes {
        _ = try opened.decoder.decode(
          $0, received: Timestamp(nanoseconds: 1_000_000_000 + event.offset), into: batch)
      }
      for index in 0..<batch.inertialCount {
        let sample = batch.inertial(index)
        let baselineState = baseline.process(sample)
        guard let state = tracker.process(sample) else { continue }
        guard state.flags.contains(.atRest) else {
          pending = []
          continue
        }
        pending.append((opened.calibration.accelerometer(sample.specificForce), state))
        guard pending.count == 100 else { continue }
        // Over 100 samples at rest the noise is gone.
        let force = pending.reduce(Vector3.zero) { $0 + $1.0 } / 100
        norms.append(force.length)
        let up = state.worldFromDevice.orientation.rotate(
          opened.calibration.deviceFromUnit.orientation.rotate(force))
        angles.append(acos(up.y / up.length) * 180 / .pi)
        if let baselineState {
          let up = baselineState.worldFromDevice.orientation.rotate(
            opened.calibration.deviceFromUnit.orientation.rotate(force))
          baselineAngles.append(acos(up.y / up.length) * 180 / .pi)
        }
        pending = []
      }
    }
    if name.contains("quick") { return #expect(norms.isEmpty, "it never rests") }
    #expect(norms.count > 5)
    let drift = tracker.metrics.drift.atRest * 60 * 180 / .pi
    #expect(drift < 0.5, "\(drift) °/min at rest")
    for norm in norms { #expect(abs(norm / 9.81 - 1) < 0.01, "\(norm) m/s²") }
    for angle in angles { #expect(angle < 2, "\(angle)°") }
    // The complementary filter leans by the uncorrected bias over kP.
    #expect(baselineAngles.count == angles.count)
    for angle in baselineAngles { #expect(angle < 4, "\(angle)° by the complementary filter") }
  }
}
