import Devices
import Spatial

/// Light of one base station on an emulated object: a station of the first generation flashes, one of the second sweeps
/// four sensors. What they mean together is nothing; they are there to be read.
struct EmulatedLight {
  /// Channel of the second-generation station.
  static let channel: UInt8 = 3
  static let sweptSensors = 4

  /// A flash of 65 µs that all sensors in the report see.
  static func fill(_ bytes: inout [UInt8], _ slots: OpticalDescription, time: Double) {
    for slot in 0..<slots.count {
      let base = slots.at + slot * slots.stride
      slots.sensor.store(UInt64(slot), into: &bytes, base: base)
      slots.time.store(UInt64(max(0, time) * slots.rate), into: &bytes, base: base)
      slots.length.store(UInt64(65e-6 * slots.rate), into: &bytes, base: base)
    }
  }

  /// A report with a sync and the sweep after it; the inverse of `LighthouseStream`.
  static func fill(_ bytes: inout [UInt8], _ stream: OpticalStreamDescription, time: Double) {
    let ticks = UInt32(truncatingIfNeeded: UInt64(max(0, time) * LighthouseStream.rate))
    var light: [UInt8] = [channel << 4 | 1]
    func append(_ word: UInt32) { light += (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    append((ticks & 0xff_ffff) << 2)
    for sensor in 0..<UInt32(sweptSensors) {
      // Five milliseconds after the sync, one sensor every ten microseconds.
      append(sensor << 27 | ((ticks &+ 240_000 &+ 480 * sensor) & 0xff_ffff) << 3 | 0x02)
    }
    stream.count.store(UInt64(light.count), into: &bytes, base: 0)
    let padding = [UInt8](repeating: 0xff, count: max(0, 64 - stream.at - light.count))
    bytes.replaceSubrange(stream.at..., with: light + padding)
  }
}
