/// What became of a report without an error: `ignored` when no report description fits.
public enum DecodeOutcome: Sendable { case decoded, ignored }

/// Why a report was not taken: which report, where in it, and what is wrong. Costs no allocation.
public struct DecodeError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Kind: UInt8, Sendable, CaseIterable {
    case empty, tooShort, tooLong, checksum, notFinite, implausible, malformedFrame
  }
  public var kind: Kind
  /// The first byte of the report.
  public var reportID: UInt8
  /// Byte offset of the fault.
  public var offset: Int32

  public init(_ kind: Kind, reportID: UInt8, offset: Int) {
    self.kind = kind
    self.reportID = reportID
    self.offset = Int32(truncatingIfNeeded: offset)
  }

  public var description: String {
    let what =
      switch kind {
      case .empty: "empty report"
      case .tooShort: "ends too early"
      case .tooLong: "is longer than the device can send"
      case .checksum: "checksum does not match"
      case .notFinite: "holds a number that is not finite"
      case .implausible: "holds a value that no sensor measures"
      case .malformedFrame: "holds a malformed frame"
      }
    return "report 0x\(String(reportID, radix: 16)), byte \(offset): \(what)"
  }
}
