import Sensing
import Spatial
import TestSupport
import Testing

@testable import Bridge
@testable import Devices

/// Haptics and lights: reports, their repetition and their end.
struct OutputScheduleTests {
  private let part = PartKey(device: DeviceID(1), part: 0)

  private func outputs(
    _ family: String, _ part: String
  ) throws -> (haptics: OutputDescription, light: OutputDescription) {
    let description = try TestPaths.description(family)
    let found = try #require(description.parts.first { $0.name == part })
    return (try #require(found.haptics), try #require(found.light))
  }

  /// Linux drivers/hid/hid-playstation.c: flags, and red, green, blue in a row.
  @Test func lightReportsMatchTheKernelsDrivers() throws {
    var outputs = OutputSchedule()
    let colour = Vector3(1.0, 0.5, 0)
    let usb = outputs.shine(part, try self.outputs("sony-dualsense", "usb").light, colour: colour, now: 0)
    #expect(usb.count == 48 && usb[0] == 2 && usb[2] & 4 != 0 && Array(usb[45...47]) == [255, 128, 0])
    #expect(usb[1] == 0, "haptics are unchanged")
    let radio = outputs.shine(
      part, try self.outputs("sony-dualshock4", "bluetooth").light, colour: colour, now: 0)
    #expect(radio.count == 78 && radio[3] == 2 && Array(radio[8...10]) == [255, 128, 0])
    let crc = radio.withUnsafeBytes { seededCRC32(seed: 0xa2, UnsafeRawBufferPointer(rebasing: $0[..<74])) }
    #expect(Array(radio[74...]) == (0..<4).map { UInt8(truncatingIfNeeded: crc >> UInt32(8 * $0)) })
    #expect(outputs.next == nil, "these lights stay")
  }

  @Test func anActuatorWithoutADurationIsStopped() throws {
    var outputs = OutputSchedule()
    let haptics = try self.outputs("sony-dualsense", "usb").haptics
    let start = outputs.vibrate(part, haptics, amplitude: 0.5, frequency: 0, duration: 0.2, now: 1_000)
    #expect(start[3] == 128 && start[4] == 128)
    #expect(outputs.next == 200_001_000 && outputs.due(now: 200_000_999).isEmpty)
    // A second request replaces the end of the first.
    _ = outputs.vibrate(part, haptics, amplitude: 1, frequency: 0, duration: 0.5, now: 100_000_000)
    #expect(outputs.next == 600_000_000)
    let stop = outputs.due(now: 600_000_000)
    #expect(
      stop.count == 1 && stop[0].purpose == .haptics && stop[0].report[3] == 0 && stop[0].report[4] == 0)
    #expect(outputs.next == nil)
    // A wand counts the cycles itself.
    let wand = try #require(try TestPaths.description("htc-vive-wand").parts.compactMap(\.haptics).first)
    _ = outputs.vibrate(part, wand, amplitude: 1, frequency: 100, duration: 1, now: 0)
    #expect(outputs.next == nil)
  }

  /// The PlayStation Move has one report for both, and its light goes out after four seconds.
  @Test func aLightThatTheDeviceSwitchesOffIsRepeatedWithTheHapticsInForce() throws {
    var outputs = OutputSchedule()
    let move = try self.outputs("sony-psmove-zcm1", "bluetooth")
    let lit = outputs.shine(part, move.light, colour: Vector3(0, 0, 1), now: 0)
    #expect(lit[0] == 6 && Array(lit[2...4]) == [0, 0, 255] && lit[6] == 0)
    let both = outputs.vibrate(
      part, move.haptics, amplitude: 1, frequency: 0, duration: 3, now: 1_000_000_000)
    #expect(Array(both[2...4]) == [0, 0, 255] && both[6] == 255)
    let again = outputs.due(now: 2_000_000_000)
    #expect(again.map(\.purpose) == [.light] && again[0].report == both)
    let stopped = outputs.due(now: 4_000_000_000)
    #expect(stopped.count == 2 && stopped.contains { $0.report == lit })
    // Black needs no repetition, nor does a closed interface.
    _ = outputs.shine(part, move.light, colour: .zero, now: 5_000_000_000)
    #expect(outputs.next == nil)
    _ = outputs.shine(part, move.light, colour: Vector3(1, 1, 1), now: 6_000_000_000)
    outputs.forget(part)
    #expect(outputs.next == nil && outputs.due(now: .max).isEmpty)
  }

  @Test func valuesAreClampedToTheirRange() throws {
    var outputs = OutputSchedule()
    let light = try self.outputs("game-controller", "motion").light
    #expect(outputs.shine(part, light, colour: Vector3(7, -3, .nan), now: 0) == [0x11, 255, 0, 0])
  }

  @Test func keepAlivesAreDueAtTheirIntervalUntilTheInterfaceIsClosed() throws {
    var schedule = KeepAliveSchedule()
    let other = PartKey(device: DeviceID(2), part: 1)
    #expect(schedule.next == nil && schedule.due(now: .max).isEmpty)
    schedule.start(KeepAlive(seconds: 0.5, report: [1, 2]), of: part, now: 1_000)
    schedule.start(KeepAlive(seconds: 2, report: [3]), of: other, now: 1_000)
    #expect(schedule.next == 500_001_000)
    #expect(schedule.due(now: 500_000_999).isEmpty)
    let first = schedule.due(now: 600_000_000)
    #expect(first.map(\.part) == [part] && first.map(\.report) == [[1, 2]])
    #expect(schedule.next == 1_100_000_000)
    #expect(Set(schedule.due(now: 2_000_001_000).map(\.part)) == [part, other])
    schedule.stop(part)
    #expect(schedule.due(now: 2_600_000_000).isEmpty)
    #expect(schedule.next == 4_000_001_000)
  }
}
