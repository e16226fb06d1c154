import Spatial

/// A device as the bridge reports it at one moment: identity, role, connection, health.
public struct DeviceStatus: Sendable, Hashable {
  public var id: DeviceID
  /// The description's family, for example `htc-vive`.
  public var family: String
  /// The name of the model, for display.
  public var name: String
  /// Empty for a unit without a serial number.
  public var serial: String
  public var role: DeviceRole
  public var origin: Origin
  /// Index of its slot in the pose page.
  public var pageIndex: Int

  public var isConnected = false
  /// Whether it sends invalid reports, or none, or is limited, while connected.
  public var isDegraded = false
  /// A control's index in this list is its index in control events.
  public var controls: [Control] = []
  /// Nil until the device reports it.
  public var battery: BatteryState?
  public var health = DeviceHealth()
  public var state = DeviceState.found
  /// The cause of the state, for display; empty for none.
  public var reason = ""
  /// When the state was entered.
  public var since = Timestamp(nanoseconds: 0)
  /// The port that it is plugged into: HID_PHYS without the interface; empty for a device without one.
  public var port = ""
  /// Radio signal in dBm; nil while unknown.
  public var signal: Int?
  public var hasHaptics = false
  public var hasLight = false

  public init(
    id: DeviceID, family: String, name: String, serial: String = "", role: DeviceRole = .none,
    origin: Origin = .hardware, pageIndex: Int = 0
  ) {
    self.id = id
    self.family = family
    self.name = name
    self.serial = serial
    self.role = role
    self.origin = origin
    self.pageIndex = pageIndex
  }
}

/// Counts and estimates of a device since it was opened; nil where a value is unknown.
public struct DeviceHealth: Sendable, Hashable {
  /// Reports read.
  public var reports: UInt64 = 0
  /// Reports that could not be decoded.
  public var decodeErrors: UInt64 = 0
  /// Samples missing from the device's own count.
  public var lostSamples: UInt64 = 0
  /// Sweeps and flashes that its optical sensors reported; in sessions and displays, not in the protocol.
  public var opticalSamples: UInt64 = 0
  /// Gyroscope bias in the device's axes, rad/s; zero before the first estimate.
  public var gyroscopeBias = Vector3.zero
  /// Spread of report arrivals about the device's clock, µs.
  public var clockResidualMicroseconds: Double?
  /// Rate of the device's clock against nominal, parts per million; 0 before the first estimate.
  public var clockSkewPartsPerMillion = 0.0
  /// Where the inertial calibration in force comes from.
  public var calibration = InertialCalibration.Source.nominal
  /// Turn of the pose about the vertical at rest, °/min.
  public var driftAtRestDegreesPerMinute: Double?
  /// Tilt that gravity corrects: how fast the gyroscope alone would tip over, °/min.
  public var driftAgainstGravityDegreesPerMinute: Double?
  /// Heading that the magnetometer corrects, °/min; nil without one.
  public var driftAgainstFieldDegreesPerMinute: Double?
  /// White noise of the gyroscope, °/s/√Hz.
  public var gyroscopeNoiseDegrees: Double?
  /// Whether heading refers to magnetic north instead of the direction at start.
  public var isHeadingReferenced = false
  /// External pose measurements that were fused.
  public var measurements: UInt64 = 0
  /// External pose measurements that were rejected: too far from the estimate, or unusable.
  public var measurementsRejected: UInt64 = 0
  /// Delay from capture to arrival of external measurements, ms, mean of the last.
  public var measurementDelayMilliseconds: Double?
  /// Mean squared innovation of external measurements in standard deviations per axis: 1 for noise as stated, above 1
  /// for noise stated too low.
  public var measurementConsistency: Double?

  public init() {}
}

/// A change of one device, or of all, as clients are notified of it.
public struct DeviceEvent: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    case arrived
    case lost
    /// Role, battery or health changed.
    case changed
    /// Headings of all devices were reset.
    case recentered
    /// The device entered another state.
    case state

    public var name: String { String(describing: self) }
  }

  public var kind: Kind
  /// The device after the change; nil for `recentered`, which concerns all.
  public var device: DeviceStatus?
  public var time: Timestamp

  public init(_ kind: Kind, device: DeviceStatus? = nil, time: Timestamp) {
    self.kind = kind
    self.device = device
    self.time = time
  }
}
