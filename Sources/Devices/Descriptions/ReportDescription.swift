import Sensing
import Spatial

/// CRC of a report.
public struct ChecksumDescription: Sendable, Hashable {
  /// A byte that is fed to the CRC-32 before the report and is not part of it.
  public var seed: UInt8
  /// The four bytes (little-endian) that hold the CRC; everything before them is covered.
  public var at: Int
  /// Some units leave the CRC out: their reports are used after many without a right one.
  public var isOptional = false
}

/// One kind of input report.
public struct ReportDescription: Sendable {
  public enum Identifier: Sendable, Hashable {
    case numbered(UInt8)
    /// The interface has no report ids.
    case unnumbered
    /// Cut out of a report by a driver.
    case virtual(String)
    /// The HID report descriptor locates the fields, by usage.
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
  /// The report of a mode without motion, which some units have only; others need not declare it.
  public var isSimple = false
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
  /// Bytes of light.
  public var count: BitField
}

/// Light pulses that sensors detected, in slots.
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

public struct ControlDescription: Sendable {
  public enum Shape: Sendable {
    case value(Control, minimum: Double, maximum: Double)
    /// Eight directions clockwise from up, as four buttons; anything else is the centre.
    case hat(path: String)
  }
  public var shape: Shape
  public var field: BitField
}

extension ControlDescription {
  /// The controls that the field feeds.
  var controls: [Control] {
    switch shape {
    case .value(let control, _, _): [control]
    case .hat(let path):
      ["up", "right", "down", "left"].map { Control(path: "\(path)_\($0)/click", kind: .button) }
    }
  }
}

public struct BatteryDescription: Sendable {
  public var level: BitField
  /// Level that means full.
  public var full: Double
  public var charging: BitField?
  public var chargingValues: [UInt64]
}
