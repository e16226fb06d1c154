import Spatial
import Synchronization

/// Statistics of a device that the tracking thread writes and any thread may read.
package final class DeviceStatistics: Sendable {
  /// A double that one thread writes and others read.
  package struct Gauge: ~Copyable, Sendable {
    private let bits = Atomic<UInt64>(Double.nan.bitPattern)

    package var value: Double {
      get { Double(bitPattern: bits.load(ordering: .relaxed)) }
      nonmutating set { bits.store(newValue.bitPattern, ordering: .relaxed) }
    }

    /// Adds a value to an exponential moving average of about a hundred values.
    package func average(_ new: Double) {
      guard new.isFinite else { return }
      let old = value
      value = old.isFinite ? old + (new - old) * 0.01 : new
    }
  }

  package let reports = Atomic<UInt64>(0)
  package let decodeErrors = Atomic<UInt64>(0)
  package let lostSamples = Atomic<UInt64>(0)
  /// Gaps between samples of a second or longer, and jumps of the device's clock.
  package let gaps = Atomic<UInt64>(0)
  package let states = Atomic<UInt64>(0)
  /// From the read of a report until its pose is published.
  package let latency = LatencyHistogram()
  /// Optical samples that the device's sensors reported.
  package let opticalSamples = Atomic<UInt64>(0)
  /// rad/s/√Hz, NaN while unknown.
  package let gyroscopeNoise = Gauge()
  /// rad/s, NaN while unknown; `DriftMeter` defines them.
  package let driftAtRest = Gauge()
  package let driftAgainstGravity = Gauge()
  package let driftAgainstField = Gauge()
  package let isHeadingReferenced = Atomic<Bool>(false)
  /// A `ClockDefect`; 0 while the clock is right.
  package let clockDefect = Atomic<UInt8>(0)
  /// Seconds, NaN while unknown. While the clock has a fault, the spread of the arrivals.
  package let clockResidual = Gauge()
  package let clockSkew = Gauge()
  /// External pose measurements: fused, and rejected (gated out or unusable).
  package let measurements = Atomic<UInt64>(0)
  package let measurementsRejected = Atomic<UInt64>(0)
  /// Seconds from capture to arrival of a measurement, moving average; NaN without any.
  package let measurementDelay = Gauge()
  /// Squared distance from the prediction, in standard deviations and per axis, moving average.
  package let measurementConsistency = Gauge()
  private let biasX = Gauge()
  private let biasY = Gauge()
  private let biasZ = Gauge()

  package init() {}

  /// rad/s.
  package var gyroscopeBias: Vector3 {
    get { Vector3(biasX.value, biasY.value, biasZ.value) }
    set { (biasX.value, biasY.value, biasZ.value) = (newValue.x, newValue.y, newValue.z) }
  }
}

extension DeviceStatistics {
  /// Bias, drift and clock residual in one line, for the log.
  package var summary: String {
    func text(_ value: Double, _ digits: Double) -> String {
      value.isFinite ? String((value * digits).rounded() / digits) : "unknown"
    }
    let degrees = 180 / Double.pi
    return "bias \(text(gyroscopeBias.length * degrees, 1000)) °/s, drift at rest "
      + "\(text(driftAtRest.value * degrees * 60, 100)) °/min, against gravity "
      + "\(text(driftAgainstGravity.value * degrees * 60, 10)) °/min, clock residual "
      + "\(text(clockResidual.value * 1e6, 1)) µs"
  }
}
