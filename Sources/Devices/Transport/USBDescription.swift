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
