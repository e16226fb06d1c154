import Devices
import Sensing
import Tracking
import TrackingPipeline

/// Carries an opened interface from the device manager's thread to the tracking thread.
struct PipelineAttachment: Sendable {
  private let reference: PipelineReference
  private let transport: any Transport
  private let match: DeviceCatalog.Match
  private let opened: HandOver<OpenedPart>
  private let record: OpenedPartRecord
  private let settings: EstimatorSettings

  /// - Parameters:
  ///   - isNominal: whether ranges and calibration are nominal until the radio's peer is on.
  ///   - settings: the orientation estimator.
  init(
    _ opened: sending OpenedPart, _ match: DeviceCatalog.Match, _ transport: any Transport,
    reference: PipelineReference, device: DeviceID, isNominal: Bool, settings: EstimatorSettings
  ) {
    record = OpenedPartRecord(
      device: device, match: match, identity: transport.identity, descriptor: transport.descriptor,
      opened: opened, isNominal: isNominal, settings: settings)
    self.opened = HandOver(opened)
    self.settings = settings
    self.match = match
    self.transport = transport
    self.reference = reference
  }

  /// Installs the interface in its pipeline and starts reading it; on the tracking thread.
  func attach(to loop: TrackingLoop) {
    loop.register(reference.pipeline)
    install()
    loop.opened(reference.pipeline, part: match.partIndex, isUpdate: false)
    loop.attach(transport, to: reference.pipeline, part: match.partIndex)
  }

  /// Installs ranges and calibration that became known after the interface was opened; on the tracking thread.
  func update(on loop: TrackingLoop) {
    install()
    loop.opened(reference.pipeline, part: match.partIndex, isUpdate: true)
  }

  private func install() {
    guard let opened = opened.take() else { return }
    let (origin, part) = (transport.identity.origin, match.part)
    let (calibration, rate, clock) = (opened.calibration, part.sampleRate, part.clock)
    let (settings, checksTimes) = (settings, record.checksTimes)
    reference.pipeline.attach(
      part: match.partIndex, decoder: opened.decoder, record: record,
      isMotionless: match.isPrimary && !part.reportsMotion, opticalSensors: opened.opticalSensors,
      tracker: match.isPrimary
        ? { learned in
          DeviceTracker(
            calibration: calibration, sampleRate: rate, clock: clock, origin: origin, settings: settings,
            learned: learned, checksTimes: checksTimes)
        } : nil)
  }
}
