import CZlib

/// Returns the CRC-32 of ISO 3309 (zlib, PNG, MCAP), continued from an earlier value.
public func crc32(_ bytes: UnsafeRawBufferPointer, after earlier: UInt32 = 0) -> UInt32 {
  UInt32(
    truncatingIfNeeded: crc32_z(
      UInt(earlier), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
}
