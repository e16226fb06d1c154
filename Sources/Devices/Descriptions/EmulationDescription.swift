/// Requirements of the kernel's own driver, which binds to the emulated interface.
public struct EmulationDescription: Sendable {
  /// Its report descriptor is a game pad's: the driver wants an input device.
  public var isGamepad = false
  /// Feature reports that only the driver reads.
  public var features: [FeatureDescription] = []
  /// Byte of the hardware address in such a report, by id, lowest byte first.
  public var addresses: [UInt8: Int] = [:]
  /// Over Bluetooth, feature reports end in a CRC-32 with this seed.
  public var checksumSeed: UInt8?
  /// Answers to the driver's output reports; the first match applies.
  public var answers: [Answer] = []

  /// An input report that answers an output report.
  public struct Answer: Sendable {
    /// Bytes that identify the command, by offset, the id first.
    public var command: [Int: UInt8]
    public var length: Int
    public var bytes: [Int: UInt8]
    public var echo: [StoredDataDescription.Echo]
    /// Offset of the device's hardware address, highest byte first.
    public var address: Int?
  }
}
