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
  }

  let reports = Atomic<UInt64>(0)
  let decodeErrors = Atomic<UInt64>(0)
  let lostSamples = Atomic<UInt64>(0)
  let states = Atomic<UInt64>(0)
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
  private let biasX = Figure()
  private let biasY = Figure()
  private let biasZ = Figure()

  /// rad/s.
  var gyroscopeBias: Vector3 {
    get { Vector3(biasX.value, biasY.value, biasZ.value) }
    set { (biasX.value, biasY.value, biasZ.value) = (newValue.x, newValue.y, newValue.z) }
  }
}
