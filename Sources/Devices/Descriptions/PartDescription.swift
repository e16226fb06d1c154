import Sensing

/// One interface of a device.
public struct PartDescription: Sendable {
  public var name: String
  public var match: [MatchRule]
  public var driver: DeviceDriver?
  /// Other families are read through the same interface: a radio that brings two controllers.
  public var isShared = false
  /// The device is behind a radio; see `waitsForPeer`.
  public var isPeer = false
  /// Inertial samples per second, nominal; 0 for a part that has none.
  public var sampleRate: Double
  /// Feature reports that the decoder uses, with the reply of the emulated device.
  public var features: [FeatureDescription]
  /// Data that is read with commands, before the set-up.
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
  /// Endpoints of a part without a HID interface.
  public var usb: USBDescription?
}

/// Conditions on the identity of an interface; an empty field matches anything.
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

public struct FeatureDescription: Sendable {
  public var name: String
  public var id: UInt8
  /// Including the id byte.
  public var length: Int
  /// Reply of an emulated device, after the id byte; missing bytes are zero.
  public var reply: [UInt8]
  /// Second bytes of the blocks, for a report whose repeated reading returns one block after the other. The joined value
  /// is the first block, then the others without their two leading bytes.
  public var blocks: [UInt8] = []
  /// CRC of the report; a reply with another one is not used.
  public var checksum: ChecksumDescription?

  /// Whether a reply has the length for its checksum, and the right one.
  func isIntact(_ reply: [UInt8]) -> Bool {
    guard let checksum else { return true }
    guard reply.count >= checksum.at + 4 else { return false }
    return reply.withUnsafeBytes { bytes in
      seededCRC32(seed: checksum.seed, UnsafeRawBufferPointer(rebasing: bytes[0..<checksum.at]))
        == UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: checksum.at, as: UInt32.self))
    }
  }
}

public struct KeepAlive: Sendable {
  public var seconds: Double
  public var report: [UInt8]
}

/// A feature report that ends a mode, which shows in a report of its own.
public struct ModeSwitch: Sendable {
  /// Id of the input report that only this mode has.
  public var seen: UInt8
  /// The part whose interface takes the feature report; nil for the part that sent it.
  public var part: String?
  /// The feature report, id first.
  public var report: [UInt8]
}

public enum CalibrationSource: Sendable {
  /// Nominal scale only.
  case none
  /// The device applies its own calibration before it reports.
  case onDevice
  /// Read by the part's driver.
  case driver
  /// Plus and minus readings per axis in a feature report or in stored data.
  case twoPoint(TwoPointDescription)
  /// Numbers in a stored JSON document.
  case document(DocumentCalibration)
}

extension PartDescription {
  public var reportsMotion: Bool { reports.contains { $0.samples != nil || $0.orientation != nil } }

  /// Whether the device is behind a radio: it reports and answers only while it is on.
  public var waitsForPeer: Bool { isPeer || driver?.isRadio == true }

  public var hasInertialUnit: Bool { reports.contains { $0.samples != nil } }

  /// Ticks per second and width of the device's counter, when it has one.
  public var clock: (rate: Double, bits: Int)? {
    reports.lazy.compactMap(\.clock).first.map { ($0.rate, $0.bits) }
  }

  /// The turn of the inertial unit's axes.
  var axes: AxisTurn { reports.lazy.compactMap(\.samples).first?.axes ?? .identity }

  var nominalScales: (gyroscope: Double, accelerometer: Double) {
    let samples = reports.lazy.compactMap(\.samples).first
    return (samples?.gyroscope?.scale.nominal ?? 1, samples?.accelerometer?.scale.nominal ?? 1)
  }
}
