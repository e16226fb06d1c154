import Sensing
import Spatial

/// Light of second-generation base stations, as the object's own logic has decoded it.
///
/// A byte with bit 0 set names the station whose light follows: channel in bits 4…7, bit 2 when two stations are on that
/// channel. Words of 32 bits, the lowest byte first and bit 0 clear, are its light. Bit 1 clear is a sync: 24 bits of time
/// from bit 2 on, then the bit of the station's data. Bit 1 set is a sweep: half a tick in bit 2, 24 bits of time from
/// bit 3 on, sensor in bits 27…31. Times are of 48 MHz. (libsurvive, driver_vive.c, raw mode 1: facts, and the packets of
/// a real controller that the tests have.)
package enum LighthouseStream {
  /// Ticks per second of the times in a sync.
  package static let rate = 48e6
  private static let timeMask: UInt32 = 0xff_ffff

  /// Gives the samples in the order of the stream.
  ///
  /// - Parameter message: ticks near the light, by which the upper bits of its times are found; nil where nothing
  ///   tells them, so that times turn over at 24 bits.
  /// - Returns: false when the bytes can't be light; what was given until then is none either.
  static func samples(
    _ bytes: UnsafeRawBufferPointer, message: UInt32?, received: Timestamp, _ emit: (OpticalSample) -> Void
  ) -> Bool {
    guard isWhole(bytes) else { return false }
    var channel: UInt8 = 0
    var index = 0
    while index < bytes.count {
      guard bytes[index] & 0x01 == 0 else {
        channel = bytes[index] >> 4
        index += 1
        continue
      }
      let word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
      index += 4
      if word & 0x02 == 0 {
        let ticks = time(word >> 2 & timeMask, near: message)
        emit(
          OpticalSample(
            .sync, received: received, sensor: nil, ticks: ticks, rate: rate, channel: channel,
            bit: word >> 26 & 1 != 0))
      } else {
        // The half tick makes it a time of 96 MHz.
        let ticks = time(word >> 3 & timeMask, near: message) << 1 | UInt64(word >> 2 & 1)
        emit(
          OpticalSample(
            .sweep, received: received, sensor: UInt16(word >> 27), ticks: ticks, rate: 2 * rate,
            channel: channel))
      }
    }
    return true
  }

  /// Nothing, or: a channel comes first, no byte of one has a bit that was never seen, and no word is cut off.
  private static func isWhole(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let first = bytes.first else { return true }
    guard first & 0x01 != 0 else { return false }
    var index = 0
    while index < bytes.count {
      if bytes[index] & 0x01 != 0 {
        guard bytes[index] & 0x0a == 0 else { return false }
        index += 1
      } else {
        index += 4
      }
    }
    return index == bytes.count
  }

  private static func time(_ low: UInt32, near message: UInt32?) -> UInt64 {
    guard let message else { return UInt64(low) }
    return UInt64(nearest(low, to: message))
  }

  /// The 32-bit time with these low 24 bits that is nearest to another one.
  static func nearest(_ low: UInt32, to message: UInt32) -> UInt32 {
    let distance = (low &- message) & timeMask
    // More than half a turn ahead is behind.
    return distance < 1 << 23 ? message &+ distance : message &+ distance &- 1 << 24
  }
}
