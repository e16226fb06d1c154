import Spatial
import Synchronization

/// Figures that the tracking thread writes and everybody may read.
final class DeviceStatistics: Sendable {
  /// A double that one thread writes and others read.
  struct Figure: ~Copyable, Sendable {
    private let bits = Atomic<UInt64>(Double.nan.bitPattern)

    var value: Double {
      get { Double(bitPattern: bits.load(ordering: .relaxed)) }
      nonmutating set { bits.store(newValue.bitPattern, ordering: .relaxed) }
    }

    /// Counts one more value in a mean that forgets: the last hundred or so.
    func average(_ new: Double) {
      guard new.isFinite else { return }
      let old = value
      value = old.isFinite ? old + (new - old) * 0.01 : new
    }
  }

  let reports = Atomic<UInt64>(0)
  let decodeErrors = Atomic<UInt64>(0)
  let lostSamples = Atomic<UInt64>(0)
  let states = Atomic<UInt64>(0)
  /// From the read of a report until its pose is in the page.
  let latency = LatencyHistogram()
  /// Light that the device's sensors saw.
  let opticalSamples = Atomic<UInt64>(0)
  /// rad/s/√Hz, NaN while unknown.
  let gyroscopeNoise = Figure()
  /// rad/s, NaN while unknown; `DriftMeter` says what they are.
  let driftAtRest = Figure()
  let driftAgainstGravity = Figure()
  let driftAgainstField = Figure()
  let isHeadingReferenced = Atomic<Bool>(false)
  /// Seconds, NaN while unknown.
  let clockResidual = Figure()
  let clockSkew = Figure()
  /// Places that others measured: used, and not believed or not usable.
  let measurements = Atomic<UInt64>(0)
  let measurementsRejected = Atomic<UInt64>(0)
  /// Seconds from the time that a measurement is of until it came, mean of the last; NaN without any.
  let measurementDelay = Figure()
  /// Squared distance from what was expected, in standard deviations and per axis, mean of the last.
  let measurementConsistency = Figure()
  private let biasX = Figure()
  private let biasY = Figure()
  private let biasZ = Figure()

  /// rad/s.
  var gyroscopeBias: Vector3 {
    get { Vector3(biasX.value, biasY.value, biasZ.value) }
    set { (biasX.value, biasY.value, biasZ.value) = (newValue.x, newValue.y, newValue.z) }
  }
}

extension DeviceStatistics {
  /// What tracking was like, for the log.
  var summary: String {
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
