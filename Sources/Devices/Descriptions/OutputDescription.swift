/// A report that makes a device vibrate or shine: bytes with fields that are filled in.
public struct OutputDescription: Sendable {
  public enum Kind: String, Sendable, CaseIterable { case output, feature }

  public enum Meaning: String, Sendable, CaseIterable {
    /// Strength of the strong, slow motor: 0...1 over the field's range.
    case lowFrequencyAmplitude = "low_frequency_amplitude"
    /// Strength of the light, fast motor.
    case highFrequencyAmplitude = "high_frequency_amplitude"
    /// Microseconds on and off of one cycle, and how many cycles.
    case onMicroseconds = "on_microseconds"
    case offMicroseconds = "off_microseconds"
    case cycles
    /// Parts of a colour: 0...1 over the field's range.
    case red, green, blue
  }

  public var path: String
  public var kind: Kind
  /// The report with id byte; fields are written over it.
  public var bytes: [UInt8]
  public var fields: [(meaning: Meaning, field: BitField)]
  public var checksum: ChecksumDescription?
  /// Written again after so many seconds: the device forgets it otherwise.
  public var repeats: Double?

  /// Whether what was asked goes on until something else is: the device knows no duration.
  public var goesOn: Bool { !fields.contains { $0.meaning == .cycles } }

  /// The report with its fields set and signed: strengths and colours are 0...1 over the field's range, the rest are
  /// the field's own unit. What has no value stays as the description has it.
  public func filled(_ values: [Meaning: Double]) -> [UInt8] {
    var report = bytes
    for (meaning, field) in fields {
      guard let value = values[meaning], value.isFinite else { continue }
      switch meaning {
      case .lowFrequencyAmplitude, .highFrequencyAmplitude, .red, .green, .blue:
        field.encode(min(max(value, 0), 1) * field.range.upperBound, into: &report, base: 0)
      case .onMicroseconds, .offMicroseconds, .cycles: field.encode(value, into: &report, base: 0)
      }
    }
    if let checksum {
      let crc = report.withUnsafeBytes {
        seededCRC32(seed: checksum.seed, UnsafeRawBufferPointer(rebasing: $0[0..<checksum.at]))
      }
      for offset in 0..<4 {
        report[checksum.at + offset] = UInt8(truncatingIfNeeded: crc >> UInt32(8 * offset))
      }
    }
    return report
  }
}
