import DeviceEmulation
import Devices
import MCAP
import Sensing
import SessionLog
import Spatial
import TestSupport
import Tracking
import TrackingPipeline

/// Pipelines and sessions of emulated devices, made without a bridge.
enum TestPipeline {
  /// A pipeline without open parts that publishes nowhere.
  static func bare(_ number: UInt32, slot: Int = 0) -> PipelineReference {
    PipelineReference(
      pipeline: DevicePipeline(
        id: DeviceID(number), role: .head, slot: slot, partCount: 1,
        tracker: DeviceTracker(
          calibration: InertialCalibration(), sampleRate: 1000, clock: nil, origin: .emulated)))
  }

  /// Writes a session of one emulated headset, computed by the pipeline without a thread.
  ///
  /// - Parameters:
  ///   - settings: the orientation estimator and its settings.
  ///   - namesEstimator: false: as written before estimators had names.
  /// - Returns: the number of reports.
  static func writeSession(
    _ path: String, reports count: Int, settings: EstimatorSettings = EstimatorSettings(),
    namesEstimator: Bool = true
  ) throws -> Int {
    let device = try EmulatedDevice(
      try TestPaths.description("htc-vive"), options: EmulatedDevice.Options(motion: .gesturing()))
    let match = device.match
    let opened = try PartOpener.open(match, recorded: [], descriptor: nil)
    let opening = ReplayEngine.Opening(
      device: 1, match: match, identity: device.identity, opened: opened, role: .head)
    guard let pipeline = ReplayEngine.bare(opening) else { return 0 }
    let writer = try SessionWriter(DiskFile(creating: path), information: ["library": "test"])
    let tap = DirectTap(writer)
    tap.parts[1] = match.description.parts.map(\.name)
    tap.controls[1] = match.description.controls
    pipeline.tap = tap
    let start = Timestamp(nanoseconds: 1_000_000_000)
    var record = OpenedPartRecord(
      device: pipeline.id, match: match, identity: device.identity, descriptor: nil, opened: opened,
      isNominal: false, settings: settings)
    if !namesEstimator {
      var message = record.message
      message.filterEstimator = ""
      record = OpenedPartRecord(
        message, description: record.description, calibration: record.calibration)
    }
    try record.write(to: writer, device: 1, role: .head, isUpdate: false, at: start)
    let (calibration, rate, clock, origin) = (
      opened.calibration, match.part.sampleRate, match.part.clock, device.identity.origin
    )
    let checksTimes = record.checksTimes
    pipeline.attach(part: match.partIndex, decoder: opened.decoder, record: record) { learned in
      DeviceTracker(
        calibration: calibration, sampleRate: rate, clock: clock, origin: origin, settings: settings,
        learned: learned, checksTimes: checksTimes)
    }
    var generator = try device.generator()
    while tap.reports < count {
      let step = generator.next()
      for report in step.reports {
        report.withUnsafeBytes {
          _ = pipeline.process(
            part: match.partIndex, $0, received: start.advanced(bySeconds: step.time))
        }
      }
    }
    if let failure = tap.failure { throw failure }
    try writer.finish()
    return Int(tap.reports)
  }
}
