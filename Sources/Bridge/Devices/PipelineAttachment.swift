import Devices
import Sensing
import Tracking

/// Carries an opened interface to the tracking thread.
///
/// `@unchecked Sendable`: built on the device manager's thread and only handed on; its contents are touched on the
/// tracking thread.
struct PipelineAttachment: @unchecked Sendable {
  let reference: PipelineReference
  let transport: any Transport
  let part: Int
  let opened: OpenedPart
  let description: PartDescription
  /// Whether the part makes the device.
  let isPrimary: Bool
  let record: OpenedPartRecord

  func attach(to loop: TrackingLoop) {
    loop.register(reference.pipeline)
    install()
    loop.opened(reference.pipeline, part: part, isUpdate: false)
    loop.attach(transport, to: reference.pipeline, part: part)
  }

  /// The decoder's ranges and the calibration became known after the interface was opened.
  func update(on loop: TrackingLoop) {
    install()
    loop.opened(reference.pipeline, part: part, isUpdate: true)
  }

  private func install() {
    let origin = transport.identity.origin
    let (calibration, rate, clock) = (opened.calibration, description.sampleRate, description.clock)
    reference.pipeline.attach(
      part: part, decoder: opened.decoder, record: record,
      isMotionless: isPrimary && !description.reportsMotion, opticalSensors: opened.opticalSensors,
      tracker: isPrimary
        ? { learned in
          DeviceTracker(
            calibration: calibration, sampleRate: rate, clock: clock, origin: origin,
            learned: learned)
        } : nil)
  }
}
