import Sensing
import Spatial

/// A family of devices as data: what it is, how it is found, how its bytes become samples and controls.
///
/// The format is documented in docs/adding-a-device.md and docs/device-description.schema.json.
public struct DeviceDescription: Sendable {
  public enum Kind: String, Sendable, CaseIterable { case headset, controller, tracker }

  /// Which interfaces are one device.
  public enum Join: String, Sendable, CaseIterable {
    /// Interfaces of one USB (or Bluetooth) device.
    case device
    /// Interfaces of devices on the same USB hub: a headset with a hub inside.
    case hub
  }

  public enum Confidence: String, Sendable, CaseIterable {
    /// Checked on recordings of real devices.
    case recorded
    /// The maker's firmware or specification is public.
    case published
    /// Independent implementations agree.
    case sourcesAgree = "sources_agree"
    /// One implementation, or reverse engineering.
    case oneSource = "one_source"
    case unstated
  }

  public var file: String
  /// What the file says, as it was read.
  public var text: String
  public var family: String
  public var name: String
  public var kind: Kind
  public var roles: [DeviceRole]
  public var join: Join
  /// Where the facts come from.
  public var sources: [String]
  /// How sure they are.
  public var confidence = Confidence.unstated
  /// What nobody could check without the device.
  public var unverified: [String] = []
  public var parts: [PartDescription]
  public var pairing: PairingDescription?
}

/// One interface of a device.
public struct PartDescription: Sendable {
  public var name: String
  public var match: [MatchRule]
  public var driver: DriverKind?
  /// Other families are read through the same interface: a radio that brings two controllers.
  public var isShared = false
  /// What is read sits behind a radio; see `waitsForPeer`.
  public var isPeer = false
  /// Inertial samples per second, nominal; 0 for a part that has none.
  public var sampleRate: Double
  /// Feature reports with a meaning to the decoder, and what the emulated device answers.
  public var features: [FeatureDescription]
  /// Data that is asked for with commands, before the set-up.
  public var stored: [StoredDataDescription]
  /// Feature reports written once when the device is opened.
  public var setup: [[UInt8]]
  /// Output reports written once, after them; the first byte is the id, 0 where outputs are not numbered.
  public var setupOutputs: [[UInt8]]
  /// HID usages of feature fields written once when the device is opened.
  public var setupUsages: [(usage: UInt32, value: Int)]
  public var keepAlive: KeepAlive?
  public var modeSwitch: ModeSwitch?
  public var calibration: CalibrationSource
  public var haptics: OutputDescription?
  public var light: OutputDescription?
  public var reports: [ReportDescription]
  public var emulation = EmulationDescription()
  /// How it is read where it has no HID interface.
  public var usb: USBDescription?
}

/// Endpoints of an interface without HID.
public struct USBDescription: Sendable {
  public enum Transfer: String, Sendable, CaseIterable { case interrupt, bulk }
  public var transfer: Transfer
  /// Address of the endpoint that brings reports, 0x81 to 0x8f.
  public var input: UInt8
  /// Address of the endpoint that takes output reports.
  public var output: UInt8?
  /// Bytes of a transfer.
  public var size: Int
  /// A kernel driver that holds the interface is taken off while we read.
  public var detachesDriver: Bool
}

/// What an emulated interface needs so that the kernel's own driver for it is content.
public struct EmulationDescription: Sendable {
  /// Its report descriptor is a game pad's: the driver wants an input device.
  public var isGamepad = false
  /// Feature reports that only the driver reads.
  public var features: [FeatureDescription] = []
  /// Byte of the hardware address in such a report, by id, lowest byte first.
  public var addresses: [UInt8: Int] = [:]
  /// Over Bluetooth, feature reports end in a CRC-32 with this seed.
  public var checksumSeed: UInt8?
  /// What only the driver asks with output reports; the first that is meant answers.
  public var answers: [Answer] = []

  /// An input report that answers an output report.
  public struct Answer: Sendable {
    /// Bytes by which the command is told, the id first.
    public var command: [Int: UInt8]
    public var length: Int
    public var bytes: [Int: UInt8]
    public var echo: [StoredDataDescription.Echo]
    /// Place of the device's hardware address, highest byte first.
    public var address: Int?
  }
}

/// What an interface must be to belong to a part; an empty field matches anything.
public struct MatchRule: Sendable, Hashable {
  public var bus: Bus?
  public var vendor: UInt16?
  public var product: UInt16?
  public var interfaceNumber: Int?
  /// Must be contained in HID_NAME (maker and product strings).
  public var nameContains: String?
  /// Top-level collection of the report descriptor: usage page << 16 | usage.
  public var usage: UInt32?
}

/// Drivers in code, for what a description can't express.
public enum DriverKind: String, Sendable, CaseIterable {
  /// Valve Lighthouse devices: zlib-compressed JSON configuration behind feature reports 0x10 and 0x11.
  case lighthouse
  /// Valve Watchman dongle: variable radio frames, and a lighthouse configuration while the peer is on.
  case watchman
  /// The same of the second generation: another framing of the events, and fingers.
  case watchmanV2 = "watchman_v2"

  /// Whether a dongle's radio brings what is read.
  var isRadio: Bool { self != .lighthouse }
}

public struct FeatureDescription: Sendable {
  public var name: String
  public var id: UInt8
  /// Including the id byte.
  public var length: Int
  /// What an emulated device answers, after the id byte; missing bytes are zero.
  public var reply: [UInt8]
  /// Read again and again, the report brings one block after the other; each is told by its second byte. Joined they
  /// are the first block with what follows the two leading bytes of the others.
  public var blocks: [UInt8] = []
}

public struct KeepAlive: Sendable {
  public var seconds: Double
  public var report: [UInt8]
}

/// What takes a device out of a mode that its reports show.
public struct ModeSwitch: Sendable {
  /// Id of the report that comes in that mode alone.
  public var seen: UInt8
  /// The part whose interface takes the feature report; nil for the part that sent it.
  public var part: String?
  /// The feature report, id first.
  public var report: [UInt8]
}

public enum CalibrationSource: Sendable {
  /// Nominal scale is all there is.
  case none
  /// The device has applied its own already; a second time would be wrong.
  case onDevice
  /// Read by the part's driver.
  case driver
  /// Plus and minus readings per axis in a feature report or in stored data.
  case twoPoint(TwoPointDescription)
  /// Numbers in a stored JSON document.
  case document(DocumentCalibration)
}

/// Factory calibration by readings at +reference and −reference on each axis.
public struct TwoPointDescription: Sendable {
  public enum Number: String, Sendable, CaseIterable {
    case i16
    /// Offset binary: 0x8000 means 0.
    case o16
    /// Of the accelerometer alone, in g.
    case f32

    var size: Int { self == .f32 ? 4 : 2 }
  }

  /// Feature reports or stored data that hold the values: the first of them that the device gave.
  public var sources: [(name: String, offset: Int)]
  public var number: Number
  /// Bytes of the little-endian values, in a feature report the id byte included. Empty where the maker measured no
  /// gyroscope.
  public var gyroscopePlus: [Int]
  /// Empty when the maker turned the unit one way only: the span is then from the bias.
  public var gyroscopeMinus: [Int]
  public var gyroscopeBias: [Int]
  /// Two speeds in °/s whose sum is the span between plus and minus; empty when `gyroscopeReference` is known.
  public var gyroscopeSpeed: [Int]
  /// Speed of each turn, rad/s, where the device does not say it.
  public var gyroscopeReference: Double?
  /// The readings contain the bias, which must be taken off.
  public var subtractsBias: Bool
  public var accelerometerPlus: [Int]
  /// Empty when there are readings one way only: the span is then from the bias.
  public var accelerometerMinus: [Int]
  public var accelerometerBias: [Int]
  /// m/s² between bias and plus.
  public var accelerometerReference: Double
}

/// CRC of a report.
public struct ChecksumDescription: Sendable, Hashable {
  /// A byte that is fed to the CRC-32 before the report and is not part of it.
  public var seed: UInt8
  /// The four bytes (little-endian) that hold the CRC; everything before them is covered.
  public var at: Int
}

/// One kind of input report.
public struct ReportDescription: Sendable {
  public enum Identifier: Sendable, Hashable {
    case numbered(UInt8)
    /// The interface has no report ids.
    case unnumbered
    /// Cut out of a report by a driver.
    case virtual(String)
    /// Where the fields are is found in the HID report descriptor, by usage.
    case byUsage
  }
  public struct Condition: Sendable {
    public var field: BitField
    public var value: UInt64
    /// Holds for every other value.
    public var isNegated = false

    @inline(__always)
    func holds(_ report: UnsafeRawBufferPointer, base: Int) -> Bool {
      (field.bits(report, base: base) == value) != isNegated
    }
  }
  public var identifier: Identifier
  public var length: Int
  /// The report is this only when the fields have the values.
  public var when: [Condition]
  public var checksum: ChecksumDescription?
  public var clock: ClockDescription?
  public var samples: SamplesDescription?
  public var magnetometer: VectorDescription?
  public var temperature: ScalarDescription?
  public var orientation: OrientationDescription?
  /// Acceleration without gravity, for devices that fuse themselves.
  public var acceleration: VectorDescription?
  public var controls: [ControlDescription]
  public var battery: BatteryDescription?
  public var optical: OpticalDescription?
  public var opticalStream: OpticalStreamDescription?
}

/// Light of second-generation base stations; see `LighthouseStream`.
public struct OpticalStreamDescription: Sendable {
  public var at: Int
  /// How many bytes it has.
  public var count: BitField
}

/// Light that sensors saw, in slots.
public struct OpticalDescription: Sendable {
  public var at: Int
  public var stride: Int
  public var count: Int
  public var sensor: BitField
  public var time: BitField
  public var length: BitField
  /// Ticks per second of time and length.
  public var rate: Double
  /// Sensor numbers from this one on mark a slot without a sample.
  public var empty: UInt64
}

public struct ClockDescription: Sendable {
  public enum Stamp: String, Sendable, CaseIterable { case newest, first }
  public var field: BitField
  /// Ticks per second.
  public var rate: Double
  /// Which sample of the report is stamped, when the stamp is not in each slot.
  public var stamp: Stamp
  /// Ticks between the samples of one report.
  public var spacing: Int
  /// The stamp stands in each sample slot.
  public var isPerSample: Bool
  /// Bytes from one sample's stamp to the next's, where they do not stand in the samples' slots.
  public var stride: Int?

  public var bits: Int { field.width }
}

/// Where the inertial samples of a report are and which of them are new.
public struct SamplesDescription: Sendable {
  public enum Pick: Sendable {
    /// Every slot, every time.
    case all
    /// Slots are a ring: those whose sequence number follows the last one.
    case sequence(BitField)
    /// Slots with a device stamp that was not seen yet.
    case stamp
    /// Slots up to the first in which the field has another value.
    case marked(ReportDescription.Condition)
    /// A count of samples since the last report; above the number of slots the first slot is the mean of the
    /// surplus.
    case counted(BitField)
  }
  public var at: Int
  public var stride: Int
  public var count: Int
  public var pick: Pick
  public var axes: AxisTurn
  public var accelerometer: VectorDescription?
  public var gyroscope: VectorDescription?
}

/// Three numbers with one scale.
public struct VectorDescription: Sendable {
  public var fields: [BitField]
  /// HID usage that locates the fields; `fields` is then empty until the report descriptor is known.
  public var usage: UInt32?
  public var scale: ScaleDescription
  public var axes: AxisTurn
  /// The scale stands in the report, beside the unit in `scale`.
  public var ratio: RatioDescription?
  /// Bytes from one sample's fields to the next's, where they do not stand in the samples' slots.
  public var stride: Int?
  /// This many numbers in a row are one reading: their mean.
  public var mean = 1
}

/// Units per count as multiplier over divisor, in fields of the sample's slot.
public struct RatioDescription: Sendable {
  public var multiplier: BitField
  public var divisor: BitField
  /// What an emulated device sends.
  public var usual: (multiplier: Double, divisor: Double)
}

public struct ScaleDescription: Sendable {
  /// SI units per count when no feature report says otherwise.
  public var nominal: Double
  /// A feature report's byte selects the full scale.
  public var selected: (feature: String, at: Int, scales: [Int: Double])?
  /// A feature report says how many counts are one unit (`unit` SI units).
  public var counted: (feature: String, field: BitField, unit: Double)?
}

public struct ScalarDescription: Sendable {
  public var field: BitField
  public var scale: Double
  public var offset: Double
}

public struct OrientationDescription: Sendable {
  public enum Form: String, Sendable, CaseIterable {
    case quaternion
    case rotationVector = "rotation_vector"
  }
  public var form: Form
  /// x, y, z, w for quaternions; x, y, z for rotation vectors.
  public var fields: [BitField]
  public var usage: UInt32?
  public var scale: Double
  public var axes: AxisTurn
  public var angularVelocity: VectorDescription?
  public var reference: BitField?
  public var referenceUsage: UInt32?
  /// Where the device is, for those that know it.
  public var position: VectorDescription?
  /// How the device sits in what its numbers turn: device from sensor.
  public var mounting: Quaternion
}

public struct ControlDescription: Sendable {
  public enum Shape: Sendable {
    case value(Control, minimum: Double, maximum: Double)
    /// Eight directions clockwise from up, as four buttons; anything else is the centre.
    case hat(path: String)
  }
  public var shape: Shape
  public var field: BitField
}

public struct BatteryDescription: Sendable {
  public var level: BitField
  /// Level that means full.
  public var full: Double
  public var charging: BitField?
  public var chargingValues: [UInt64]
}

/// A signed exchange of axes: device axes to OpenXR axes.
public struct AxisTurn: Sendable, Hashable {
  /// For each output axis the input axis 0...2 and its sign.
  var source: SIMD3<Int>
  var sign: SIMD3<Double>

  public static let identity = AxisTurn(source: SIMD3(0, 1, 2), sign: SIMD3(1, 1, 1))

  public func callAsFunction(_ v: Vector3) -> Vector3 {
    Vector3(v[source.x] * sign.x, v[source.y] * sign.y, v[source.z] * sign.z)
  }

  /// Back from OpenXR axes to the device's.
  func inverse(_ v: Vector3) -> Vector3 {
    var result = Vector3.zero
    for axis in 0..<3 { result[source[axis]] = v[axis] * sign[axis] }
    return result
  }

  public var matrix: Matrix3 {
    Matrix3(self.row(0), self.row(1), self.row(2))
  }

  private func row(_ axis: Int) -> Vector3 {
    var row = Vector3.zero
    row[source[axis]] = sign[axis]
    return row
  }

  /// +1 for a rotation, −1 for a mirror.
  public var determinant: Double { matrix.determinant }
}
