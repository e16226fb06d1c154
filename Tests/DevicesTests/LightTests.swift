import DeviceEmulation
import Foundation
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices

/// Light reports of first-generation base stations, by cable.
struct LighthousePulseTests {
  @Test func lighthouseReportsHoldWhatSensorsSaw() throws {
    let empty = String(repeating: "ff" + "0000" + "00000000", count: 8)
    let batch = try GoldenVector.decode("htc-vive", "optical", ["25" + "078a1717c0417d" + empty]).batch
    #expect(batch.opticalCount == 1)
    let sample = batch.optical(0)
    #expect(sample.sensor == 7 && sample.length == 0x178a && sample.ticks == 0x7d41_c017)
    #expect(sample.rate == 48_000_000)
  }

  /// First-generation base stations flash at 120 Hz, each for 62.5 to 135 µs, the second station 0.4 ms after the first;
  /// sweeps pass in between and are shorter.
  @Test(
    .enabled(if: TestPaths.hasCorpus),
    arguments: [
      ("htc-vive", "vive_hmd_lighthouse_v1.hid.gz"), ("htc-vive-wand", "vive_wand_wired_lighthouse.hid.gz"),
    ])
  func flashesAndSweepsOfARealRecording(_ family: String, _ file: String) throws {
    let description = try TestPaths.description(family)
    let part = try #require(description.parts.first { $0.name == "optical" })
    let recording = try HIDRecording.read(path: TestPaths.vive("hid-recorder/" + file))
    let decoder = try PartDecoder(part: part, controls: description.controls)
    let batch = SampleBatch()
    var samples: [OpticalSample] = []
    for event in recording.events {
      batch.begin()
      recording.bytes[event.range].withUnsafeBytes {
        _ = try? decoder.decode($0, received: Timestamp(nanoseconds: event.offset), into: batch)
      }
      samples += (0..<batch.opticalCount).map { batch.optical($0) }
    }
    #expect(samples.count > 500 && samples.allSatisfy { ($0.sensor ?? 32) < 32 })
    let flash: ClosedRange<UInt32> = 2_750...6_750
    let sweeps = samples.filter { $0.length < flash.lowerBound }
    #expect(sweeps.count > 100 && Set(sweeps.compactMap(\.sensor)).count > 3)
    // All sensors see a flash at once: one for each group of times.
    let times = samples.filter { flash.contains($0.length) }.map { Int64($0.ticks) }.sorted()
    var flashes: [Int64] = []
    for time in times where time - (flashes.last ?? .min / 2) > 2_000 { flashes.append(time) }
    let period = 400_000.0
    let near = zip(flashes.dropFirst(), flashes).filter { later, earlier in
      let turns = Double(later - earlier) / period
      let rest = abs(turns - turns.rounded()) * period
      // A whole number of periods, give or take the other station's 20,000 ticks.
      return rest < 1_000 || abs(rest - 20_000) < 1_500
    }.count
    #expect(flashes.count > 50)
    #expect(Double(near) > 0.9 * Double(flashes.count - 1), "\(near) of \(flashes.count)")

    // The unit's own configuration says where its sensors are and look.
    let file = family == "htc-vive" ? "config/LHR-C5C0BC88.config.zlib" : "config/LHR-FDE71D46.config.zlib"
    let sensors = try LighthouseConfiguration(
      blob: [UInt8](Data(contentsOf: URL(fileURLWithPath: TestPaths.vive(file))))
    ).sensors
    #expect(sensors.count == (family == "htc-vive" ? 32 : 24))
    #expect(Set(sweeps.map(\.sensor)).isSubset(of: sensors.map(\.sensor)))
    #expect(sensors.allSatisfy { $0.position.length < 0.15 && abs($0.normal.length - 1) < 1e-9 })
    guard family == "htc-vive" else { return }
    // It lay still with a base at either side: what looks to a side saw light, and what saw none looks elsewhere.
    let seen = Set(sweeps.map(\.sensor))
    let aside = sensors.filter { abs($0.normal.x) > 0.82 }
    #expect(aside.count == 10 && aside.allSatisfy { seen.contains($0.sensor) })
    let dark = sensors.filter { !seen.contains($0.sensor) }
    #expect(dark.count == 11 && dark.allSatisfy { abs($0.normal.x) < 0.7 })
  }
}

/// Light of second-generation base stations.
struct LighthouseStreamTests {
  private func decode(_ decoder: PartDecoder, _ report: [UInt8]) throws -> [OpticalSample] {
    let batch = SampleBatch()
    batch.begin()
    try report.withUnsafeBytes {
      _ = try decoder.decode($0, received: Timestamp(nanoseconds: 7), into: batch)
    }
    return (0..<batch.opticalCount).map { batch.optical($0) }
  }

  /// Messages of a real controller, as libsurvive's driver_vive.c quotes them, under a time near theirs.
  @Test func aRealControllersLightIsReadOnceItSaysThatItIsDecoded() throws {
    let description = try TestPaths.description("valve-knuckles")
    let decoder = try PartDecoder(part: description.parts[0], controls: description.controls)
    func message(_ payload: String) -> [UInt8] {
      let body = bytes(payload)
      // Bits 31…24 and 23…16 of the time.
      let report: [UInt8] = [0x23, 0x44, UInt8(body.count + 1), 0x8a] + body
      return report + [UInt8](repeating: 0xee, count: 30 - report.count)
    }
    let swept = message("34 f2 7a9e fec8 61 b46e2702 7e957c7c d6b37c5c a6da7cbc")
    #expect(try decode(decoder, swept).isEmpty, "in which way it is coded is not known yet")
    let switched = try decode(decoder, message("51 20 01 61 50d25701"))
    #expect(switched.map(\.kind) == [.sync] && switched[0].ticks == 0x4455_f494)

    let light = try decode(decoder, swept)
    #expect(light.map(\.kind) == [.sync, .sweep, .sweep, .sweep])
    #expect(light.map(\.sensor) == [nil, 15, 11, 23])
    #expect(light.allSatisfy { $0.channel == 6 && $0.length == 0 && $0.received.nanoseconds == 7 })
    #expect(light.map(\.bit) == [false, nil, nil, nil])
    #expect(light[0].ticks == 0x4489_dbad && light[0].rate == 48e6)
    #expect(light[1].ticks == 0x448f_92af << 1 | 1 && light[1].rate == 96e6)
    // A third of a turn after the sync, and one sensor after the other within microseconds.
    let times = light.map { Double($0.ticks) / $0.rate }
    #expect(times[1] - times[0] > 0.005 && times[1] - times[0] < 0.02)
    #expect(times[3] > times[2] && times[2] > times[1] && times[3] - times[1] < 100e-6)

    // Off and on again, it may be in the other mode.
    _ = try decode(decoder, [0x26, 0x01])
    #expect(try decode(decoder, swept).isEmpty)
    // Pulses, as the first generation sends them.
    let pulses = try decode(decoder, message("50 20 00 08 8a 020000"))
    #expect(pulses.map(\.kind) == [.pulse] && pulses.map(\.sensor) == [1] && pulses.map(\.length) == [10])
  }

  @Test func aHeadsetsLightComesByCable() throws {
    let description = try TestPaths.description("valve-index")
    let part = try #require(description.parts.first { $0.name == "optical" })
    let decoder = try PartDecoder(part: part, controls: description.controls)
    let stream = bytes("61 b46e2702 7e957c7c 31 50d25705")
    let report = [0x28, UInt8(stream.count)] + stream + [UInt8](repeating: 0xff, count: 62 - stream.count)
    let light = try decode(decoder, report)
    #expect(light.map(\.kind) == [.sync, .sweep, .sync])
    #expect(light.map(\.channel) == [6, 6, 3] && light.map(\.bit) == [false, nil, true])
    #expect(light.map(\.ticks) == [0x89_dbad, 0x8f_92af << 1 | 1, 0x55_f494])
    // The first generation's report is the Vive's.
    let empty = [UInt8](repeating: 0xff, count: 56)
    #expect(try decode(decoder, bytes("25 078a1717c0417d") + empty).map(\.sensor) == [7])
    // What the headset has not decoded asks for the mode in which it does.
    let batch = SampleBatch()
    batch.begin()
    _ = try ([0x27] + [UInt8](repeating: 0, count: 58)).withUnsafeBytes {
      try decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
    }
    #expect(batch.wantsModeSwitch && batch.opticalCount == 0)
    batch.begin()
    #expect(!batch.wantsModeSwitch)
  }

  @Test func theEmulatedHeadsetsLightIsReadBack() throws {
    let description = try TestPaths.description("valve-index")
    let device = try EmulatedDevice(description, options: .init(part: "optical"))
    let opened = try PartOpener.open(device.match, features: device.responder, descriptor: device.descriptor)
    var generator = try device.generator()
    for _ in 0..<100 {
      let reports = generator.next().reports
      #expect(reports.map(\.first) == [0x28])
      let light = try decode(opened.decoder, reports[0])
      #expect(light.map(\.sensor) == [nil, 0, 1, 2, 3] && light.allSatisfy { $0.channel == 3 })
      let times = light.map { Double($0.ticks) / $0.rate }
      let turn = Double(1 << 24) / 48e6
      #expect(abs((times[1] - times[0] + turn).truncatingRemainder(dividingBy: turn) - 0.005) < 1e-6)
    }
  }

  @Test func aStreamThatCanNotBeLightIsAFault() throws {
    let description = try TestPaths.description("valve-index")
    let part = try #require(description.parts.first { $0.name == "optical" })
    let decoder = try PartDecoder(part: part, controls: description.controls)
    for report in [
      // Without a channel, cut off, with bits that no channel has, longer than the report, no length.
      "28 04 50d25701", "28 04 61 50d257", "28 06 6b 50d25701 00", "28 ff 61 50d25701", "28",
    ] {
      #expect(throws: DecodeError.self, "\(report)") { try decode(decoder, bytes(report)) }
    }
    var random = SeededRandom(seed: 28)
    for _ in 0..<20_000 {
      let report =
        [0x28, UInt8(random.next() % 70)]
        + (0..<Int(random.next() % 63)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      for sample in (try? decode(decoder, report)) ?? [] {
        let bits: UInt64 = sample.kind == .sweep ? 25 : 24
        #expect(sample.ticks < 1 << bits && (sample.channel ?? 16) < 16 && (sample.sensor ?? 0) < 32)
      }
    }
  }
}

/// Light in radio messages of the first generation.
struct WatchmanLightTests {
  private struct Pulse: Equatable {
    var sensor: UInt16
    var start: UInt32
    var length: UInt32
  }

  private func pulses(_ light: [UInt8], time: UInt16) -> [Pulse]? {
    var found: [Pulse] = []
    let isLight = light.withUnsafeBytes { bytes in
      WatchmanLight.pulses(bytes, time: time) { found.append(Pulse(sensor: $0, start: $1, length: $2)) }
    }
    return isLight ? found : nil
  }

  /// The example that libsurvive's driver_vive.c works out: pulses that overlap, of five sensors.
  @Test func theWorkedExampleComesOut() {
    let light = bytes("2b514a2860 c72ee666841ffb310bd901dacadb02e402 f6b45b")
    #expect(
      pulses(light, time: 0x005b) == [
        Pulse(sensor: 12, start: 5_799_310, length: 5959), Pulse(sensor: 5, start: 5_818_427, length: 3972),
        Pulse(sensor: 9, start: 6_009_018, length: 381), Pulse(sensor: 5, start: 6_009_235, length: 867),
        Pulse(sensor: 10, start: 6_009_325, length: 421),
      ])
  }

  /// A message of a real wand (nairol/LighthouseRedox): inertial data, then two pulses.
  @Test func aRealMessageHasItsLight() throws {
    let description = try TestPaths.description("htc-vive-wand")
    let part = try #require(description.parts.first { $0.name == "radio" })
    let decoder = try PartDecoder(part: part, controls: description.controls)
    let batch = SampleBatch()
    batch.begin()
    try bytes("23 44 18 c6 e8 17 a4fc 2305 6af0 f5ff f5ff 0100 50 40 81 01 dc f1 3b 84 c5 c4 cf bf")
      .withUnsafeBytes {
        _ = try decoder.decode($0, received: Timestamp(nanoseconds: 7), into: batch)
      }
    #expect(batch.inertialCount == 1 && batch.opticalCount == 2)
    let end = UInt64(0x44c5_843b)
    #expect((0..<2).map { batch.optical($0).sensor } == [8, 10])
    #expect((0..<2).map { batch.optical($0).ticks } == [end - 113 - 92 - 129, end - 113])
    #expect((0..<2).map { batch.optical($0).length } == [129, 113])
    #expect(batch.optical(0).rate == 48e6 && batch.optical(0).received.nanoseconds == 7)
  }

  /// The edge's 24 bits and the message's upper 16 need not be of the same turn.
  @Test(arguments: [
    (UInt16(0x4400), "fefff0", UInt32(0x43f0_fffe)), (0x44ff, "020000", 0x4500_0002), (0xffff, "050000", 5),
    (0x0000, "ffffff", 0xffff_ffff),
  ])
  func timesAreThoseNearestToTheMessage(_ time: UInt16, _ end: String, _ expected: UInt32) throws {
    let found = try #require(pulses(bytes("08 8a" + end), time: time))
    #expect(found == [Pulse(sensor: 1, start: expected &- 10, length: 10)])
  }

  @Test func bytesThatCanNotBeLightAreRefused() {
    for light in [
      "", "08", "08 8a 0000", "08 0a 000000", "08 09 8a8a 000000", "0f 8a 000000", "08 09 8a 8a 8a8a 000000",
    ] {
      #expect(pulses(bytes(light), time: 0) == nil, "\(light)")
    }
    var random = SeededRandom(seed: 8)
    for _ in 0..<20_000 {
      let light = (0..<Int(random.next() % 30)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      for pulse in pulses(light, time: UInt16(truncatingIfNeeded: random.next())) ?? [] {
        #expect(pulse.sensor < 32)
      }
    }
  }
}
