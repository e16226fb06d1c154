import CLinux
import Devices
import Sensing
import Spatial
import Synchronization
import Tracking
import TrackingPipeline

/// Checks external pose measurements and hands them to the tracking loop; from any thread.
final class ExternalMeasurements: Sendable {
  private let registry: DeviceRegistry
  private let loop: TrackingLoop
  private let allowance = Mutex(MeasurementAllowance())

  /// Measurements in one request, at most.
  static let maximumCount = 64

  init(registry: DeviceRegistry, loop: TrackingLoop) {
    self.registry = registry
    self.loop = loop
  }

  /// Takes all measurements, or none on an error.
  func take(_ measurements: [(device: DeviceID, PoseMeasurement)]) throws(DeviceRequestError) {
    guard (1...Self.maximumCount).contains(measurements.count) else {
      throw .measurementCount(limit: Self.maximumCount)
    }
    var submitted: [SubmittedMeasurement] = []
    for (id, measurement) in measurements {
      guard let device = registry.device(id), device.isConnected else { throw .unknownDevice(id) }
      guard device.hasIMU else { throw .hasNoIMU(id) }
      guard measurement.isUsable else { throw .invalidMeasurement(id) }
      submitted.append(SubmittedMeasurement(measurement, device: id, slot: device.slot))
    }
    let now = Timestamp(nanoseconds: linux_monotonic_ns())
    let exhausted = allowance.withLock { $0.take(measurements.map(\.device), at: now) }
    if let exhausted { throw .tooManyMeasurements(exhausted, perSecond: Int(MeasurementAllowance.rate)) }
    guard loop.submit(submitted) else {
      throw .measurementQueueFull(capacity: TrackingLoop.measurementCapacity)
    }
  }
}
