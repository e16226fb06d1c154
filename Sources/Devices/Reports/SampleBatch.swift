import Sensing
import Spatial

/// What one report said. Allocated once per device and filled anew by each report.
public final class SampleBatch {
  public static let maximumSamples = 32
  public static let maximumControls = 64

  public private(set) var inertialCount = 0
  private let inertialStorage: UnsafeMutableBufferPointer<InertialSample>
  public private(set) var opticalCount = 0
  private let opticalStorage: UnsafeMutableBufferPointer<OpticalSample>
  public private(set) var orientation: OrientationSample?
  /// Acceleration without gravity, m/s² in the device's axes, that the device told itself.
  public private(set) var acceleration: Vector3?
  public private(set) var battery: BatteryState?
  /// Value of each control as last reported.
  private let values: UnsafeMutableBufferPointer<Float>
  /// Bit n: control n changed with this report.
  public private(set) var changedControls: UInt64 = 0
  /// Bit n: control n was reported at least once.
  public private(set) var knownControls: UInt64 = 0
  /// Samples that the device made and that never arrived, as its sequence numbers tell.
  public var lostSamples: UInt32 = 0
  /// The report says that the device is in a mode that its description would switch.
  public var wantsModeSwitch = false
  /// The report is one of a mode without motion.
  public var isSimple = false
  /// The peer of a radio link came (true) or went (false) with this report.
  public var linkChange: Bool?

  public init() {
    let empty = InertialSample(
      received: Timestamp(nanoseconds: 0), angularVelocity: .zero, specificForce: .zero)
    inertialStorage = .allocate(capacity: Self.maximumSamples)
    inertialStorage.initialize(repeating: empty)
    opticalStorage = .allocate(capacity: Self.maximumSamples)
    opticalStorage.initialize(
      repeating: OpticalSample(
        received: Timestamp(nanoseconds: 0), sensor: 0, ticks: 0, length: 0, rate: 1))
    values = .allocate(capacity: Self.maximumControls)
    values.initialize(repeating: 0)
  }

  deinit {
    inertialStorage.deallocate()
    opticalStorage.deallocate()
    values.deallocate()
  }

  /// Forgets what the last report said; control values stay, for they are states.
  public func begin() {
    inertialCount = 0
    opticalCount = 0
    orientation = nil
    acceleration = nil
    battery = nil
    changedControls = 0
    lostSamples = 0
    linkChange = nil
    wantsModeSwitch = false
    isSimple = false
  }

  /// Forgets everything, as when the device went away.
  public func reset() {
    begin()
    knownControls = 0
    values.update(repeating: 0)
  }

  /// The controls as last reported; the rest is of one report only.
  public func archive(_ archive: StateArchive) {
    archive.code(&knownControls)
    for index in 0..<Self.maximumControls { archive.code(&values[index]) }
  }

  public func inertial(_ index: Int) -> InertialSample { inertialStorage[index] }
  public func optical(_ index: Int) -> OpticalSample { opticalStorage[index] }
  public func controlValue(_ index: Int) -> Float { values[index] }

  func append(_ sample: InertialSample) {
    guard inertialCount < Self.maximumSamples else { return }
    inertialStorage[inertialCount] = sample
    inertialCount += 1
  }

  func append(_ sample: OpticalSample) {
    guard opticalCount < Self.maximumSamples else { return }
    opticalStorage[opticalCount] = sample
    opticalCount += 1
  }

  func set(_ sample: OrientationSample) { orientation = sample }
  func set(acceleration value: Vector3) { acceleration = value }
  func set(_ state: BatteryState) { battery = state }

  func set(control index: Int, to value: Float) {
    let bit = UInt64(1) << UInt64(index)
    if values[index] != value || knownControls & bit == 0 {
      values[index] = value
      changedControls |= bit
      knownControls |= bit
    }
  }
}
