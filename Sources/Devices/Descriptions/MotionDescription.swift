import Spatial

public struct ClockDescription: Sendable {
  public enum Stamp: String, Sendable, CaseIterable { case newest, first }
  public var field: BitField
  /// Ticks per second.
  public var rate: Double
  /// Which sample of the report is stamped, when the stamp is not in each slot.
  public var stamp: Stamp
  /// Ticks between the samples of one report.
  public var spacing: Int
  /// Each sample slot has its own stamp.
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
  /// Values of an emulated device.
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
  /// Position of the device, for devices that report it.
  public var position: VectorDescription?
  /// Mounting of the sensor: device from sensor.
  public var mounting: Quaternion
}
