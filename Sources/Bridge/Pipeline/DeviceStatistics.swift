import Spatial
import Synchronization

/// Figures that the tracking thread writes and everybody may read.
final class DeviceStatistics: Sendable {
  let reports = Atomic<UInt64>(0)
  let decodeErrors = Atomic<UInt64>(0)
  let lostSamples = Atomic<UInt64>(0)
  let states = Atomic<UInt64>(0)
  /// Bit patterns of doubles.
  private let biasX = Atomic<UInt64>(0)
  private let biasY = Atomic<UInt64>(0)
  private let biasZ = Atomic<UInt64>(0)
  private let residual = Atomic<UInt64>(Double.nan.bitPattern)
  private let skew = Atomic<UInt64>(0)

  /// rad/s.
  var gyroscopeBias: Vector3 {
    get {
      Vector3(
        Double(bitPattern: biasX.load(ordering: .relaxed)),
        Double(bitPattern: biasY.load(ordering: .relaxed)),
        Double(bitPattern: biasZ.load(ordering: .relaxed)))
    }
    set {
      biasX.store(newValue.x.bitPattern, ordering: .relaxed)
      biasY.store(newValue.y.bitPattern, ordering: .relaxed)
      biasZ.store(newValue.z.bitPattern, ordering: .relaxed)
    }
  }

  /// Seconds.
  var clockResidual: Double {
    get { Double(bitPattern: residual.load(ordering: .relaxed)) }
    set { residual.store(newValue.bitPattern, ordering: .relaxed) }
  }

  var clockSkew: Double {
    get { Double(bitPattern: skew.load(ordering: .relaxed)) }
    set { skew.store(newValue.bitPattern, ordering: .relaxed) }
  }
}
