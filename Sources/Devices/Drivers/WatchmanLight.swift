import Sensing

/// Light pulses in the tail of a Watchman radio message (first generation).
///
/// From the front one byte for each pulse: sensor in the upper five bits, in the lower three how many other edges lie
/// between its end and its start. At the end 24 bits of the time of the last edge; before it, read backwards, the
/// intervals to the edges before, seven bits a byte, the byte with the high bit set being the last of each. (libsurvive,
/// driver_vive.c, `read_light_data`: facts and the worked example that the tests have.)
enum WatchmanLight {
  private static let maximumEdges = 16

  /// Gives the pulses, the oldest first.
  ///
  /// - Parameters:
  ///   - time: bits 31…16 of the message's time, by which the upper bits of the edges' times are found.
  ///   - emit: sensor, ticks of the start, ticks of the length.
  /// - Returns: false when the bytes can't be light.
  static func pulses(
    _ bytes: UnsafeRawBufferPointer, time: UInt16, _ emit: (UInt16, UInt32, UInt32) -> Void
  ) -> Bool {
    // A pulse takes a byte, an interval and the time.
    guard bytes.count >= 5 else { return false }
    var last = bytes.count - 4
    var edges = InlineArray<16, UInt32>(repeating: 0)
    edges[0] = end(bytes, time: time)
    var count = 1
    // As many pulses are named as the edges make; the bytes of both meet in the middle.
    while (count - 1) / 2 < last {
      var interval: UInt32 = 0
      while true {
        guard last > (count - 1) / 2, interval < 1 << 25 else { return false }
        let byte = bytes[last]
        last -= 1
        interval = interval << 7 | UInt32(byte & 0x7f)
        if byte & 0x80 != 0 { break }
      }
      guard count < maximumEdges else { return false }
      edges[count] = edges[count - 1] &- interval
      count += 1
    }
    guard count % 2 == 0, last + 1 == count / 2 else { return false }
    return pair(bytes, edges, count, emit)
  }

  /// The time of the last edge, nearest to the message's.
  private static func end(_ bytes: UnsafeRawBufferPointer, time: UInt16) -> UInt32 {
    let at = bytes.count - 3
    let low = UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16
    return LighthouseStream.nearest(low, to: UInt32(time) << 16)
  }

  /// Gives each end its start.
  private static func pair(
    _ bytes: UnsafeRawBufferPointer, _ edges: InlineArray<16, UInt32>, _ count: Int,
    _ emit: (UInt16, UInt32, UInt32) -> Void
  ) -> Bool {
    var used: UInt32 = 0
    /// By the edge that starts a pulse: the pulse and its end, or −1.
    var starts = InlineArray<16, (pulse: Int, end: Int)>(repeating: (-1, 0))
    var end = -1
    for pulse in 0..<(count / 2) {
      repeat { end += 1 } while end < count && used & 1 << UInt32(end) != 0
      let start = end + Int(bytes[pulse] & 0x07) + 1
      guard start < count, used & 1 << UInt32(start) == 0 else { return false }
      used |= 1 << UInt32(start)
      starts[start] = (pulse, end)
    }
    for start in stride(from: count - 1, through: 1, by: -1) where starts[start].pulse >= 0 {
      emit(
        UInt16(bytes[starts[start].pulse] >> 3), edges[start], edges[starts[start].end] &- edges[start])
    }
    return true
  }
}
