import CZlib

/// CRC-32 (IEEE 802.3) over a seed byte and the bytes of a report, as PlayStation controllers sign their
/// Bluetooth reports.
package func seededCRC32(seed: UInt8, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
  var seed = seed
  let start = crc32(0, &seed, 1)
  guard let base = bytes.baseAddress else { return UInt32(truncatingIfNeeded: start) }
  return UInt32(truncatingIfNeeded: crc32(start, base.assumingMemoryBound(to: Bytef.self), uInt(bytes.count)))
}
