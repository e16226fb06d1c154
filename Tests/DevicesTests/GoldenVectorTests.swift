import Foundation
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices

/// Reports of real devices, with the values that they are known to mean.
struct GoldenVectorTests {
  private func decode(
    _ family: String, _ part: String, _ reports: [String], replies: [String: [UInt8]] = [:]
  ) throws -> (batch: SampleBatch, samples: [InertialSample], controls: [Control]) {
    let description = try Places.description(family)
    let found = try #require(description.parts.first { $0.name == part })
    let decoder = try PartDecoder(part: found, replies: replies, controls: description.controls)
    let batch = SampleBatch()
    var samples: [InertialSample] = []
    for report in reports {
      batch.begin()
      try bytes(report).withUnsafeBytes {
        _ = try decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
      }
      samples += (0..<batch.inertialCount).map { batch.inertial($0) }
    }
    return (batch, samples, description.controls)
  }

  private func near(_ a: Vector3, _ b: Vector3, _ tolerance: Double) -> Bool { (a - b).length < tolerance }

  @Test func viveHeadsetRingIsEmittedInOrderOfSequence() throws {
    // Raw axes in the fact: (x, y, z); OpenXR: (x, −y, −z).
    let report =
      "20feffe6dfa4ff9eff3800ccff54b6467d3c0800c4dfbeffb2ff4b00c8ff323f457d3af2ffc0df8effabff3f00cbffc3fa457d3b"
    let samples = try decode("htc-vive", "imu", [report, report], replies: ["ranges": [1, 1, 1]]).samples
    #expect(samples.map(\.deviceTicks) == [2_101_690_162, 2_101_738_179, 2_101_786_196])
    #expect(near(samples[0].specificForce, Vector3(0.0096, 9.8785, 0.0790), 2e-4))
    #expect(near(samples[1].specificForce, Vector3(-0.0168, 9.8833, 0.1365), 2e-4))
    #expect(near(samples[2].specificForce, Vector3(-0.0024, 9.8378, 0.1101), 2e-4))
    #expect(near(samples[2].angularVelocity, Vector3(-0.0261, -0.01491, 0.01385), 2e-5))
  }

  @Test func viveWandScalesByTheRangesItReports() throws {
    let report =
      "20b2ff05054bf00c00ffff0500a3ea9c8426b2ff030539f00c00fcff060061d89f8427c2ff04053cf00a00ffff02001fc6a28428"
    let samples = try decode("htc-vive-wand", "imu", [report], replies: ["ranges": [1, 3, 2]]).samples
    #expect(samples.map(\.deviceTicks) == [2_224_876_195, 2_225_068_129, 2_225_260_063])
    // (−x, −z, −y) of (−0.1867, 3.0765, −9.6271) and of (0.01278, −0.00107, 0.00533).
    #expect(near(samples[0].specificForce, Vector3(0.1867, 9.6271, -3.0765), 2e-4))
    #expect(near(samples[0].angularVelocity, Vector3(-0.01278, -0.00533, 0.00107), 2e-5))
    let half = try decode("htc-vive-wand", "imu", [report], replies: ["ranges": [1, 2, 1]]).samples
    #expect(near(half[0].specificForce * 2, samples[0].specificForce, 1e-9))
  }

  @Test func watchmanMessageIsCutAtItsLengthAndStaleBytesAreLeft() throws {
    let message = "23 44 18 c6 e8 17 a4fc 2305 6af0 f5ff f5ff 0100 50 40 81 01 dc f1 3b 84 c5 c4 cf bf"
    let sample = try #require(decode("htc-vive-wand", "radio", [message]).samples.first)
    #expect(sample.deviceTicks == 0x44c6_1700)
    let force = 8 * standardGravity / 32768
    #expect(near(sample.specificForce, Vector3(860, 3990, -1315) * force, 1e-9))
    let rate = 2000 * Double.pi / 180 / 32768
    #expect(near(sample.angularVelocity, Vector3(11, -1, 11) * rate, 1e-9))
  }

  @Test func watchmanEventsGiveControlsAndBattery() throws {
    // From a recording of a wand that was just switched on: battery, then all input zero.
    let message = "23 91 0a 00 e1 00 f7 00 00 00 00 00 00 43 eb 62 05 bc 6e bc 3a 86 ee 43 00 00 00 00 00 00"
    let (batch, samples, controls) = try decode("htc-vive-wand", "radio", [message])
    #expect(samples.isEmpty)
    #expect(batch.battery == BatteryState(level: 0, isCharging: false))
    #expect(batch.linkChange == true)
    let x = try #require(controls.firstIndex { $0.path == "/input/trackpad/x" })
    #expect(batch.knownControls & 1 << UInt64(x) != 0)
  }

  @Test func watchmanPeerLost() throws {
    let batch = try decode("htc-vive-wand", "radio", ["26 01"]).batch
    #expect(batch.linkChange == false)
  }

  /// A real report of a left Joy-Con that lies still; what follows its first sample is made up.
  @Test func lighthouseReportsHoldWhatSensorsSaw() throws {
    let empty = String(repeating: "ff" + "0000" + "00000000", count: 8)
    let batch = try decode("htc-vive", "optical", ["25" + "078a1717c0417d" + empty]).batch
    #expect(batch.opticalCount == 1)
    let sample = batch.optical(0)
    #expect(sample.sensor == 7 && sample.length == 0x178a && sample.ticks == 0x7d41_c017)
    #expect(sample.rate == 48_000_000)
  }

  /// First-generation base stations flash at 120 Hz, each for 62.5 to 135 µs, the second station 0.4 ms after the first;
  /// sweeps pass in between and are shorter.
  @Test(
    .enabled(if: Places.hasCorpus),
    arguments: [
      ("htc-vive", "vive_hmd_lighthouse_v1.hid.gz"), ("htc-vive-wand", "vive_wand_wired_lighthouse.hid.gz"),
    ])
  func flashesAndSweepsOfARealRecording(_ family: String, _ file: String) throws {
    let description = try Places.description(family)
    let part = try #require(description.parts.first { $0.name == "optical" })
    let recording = try HIDRecording.read(path: Places.vive("hid-recorder/" + file))
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
      blob: [UInt8](Data(contentsOf: URL(fileURLWithPath: Places.vive(file))))
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

  /// Built by hand from the published layout: no report of a real unit is public.
  @Test func xrealScaleStandsInTheReport() throws {
    var report = [UInt8](repeating: 0, count: 64)
    func put(_ value: UInt64, _ count: Int, at place: Int) {
      for index in 0..<count { report[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
    put(0x0201, 2, at: 0)
    put(123_456_789_012, 8, at: 4)
    put(500, 2, at: 12)
    put(1_000_000, 4, at: 14)
    put(0x100000 - 3000, 3, at: 18)  // not sign-extended: positive
    put(0xff_ffff - 1999, 3, at: 21)  // −2000
    put(40, 3, at: 24)
    put(2, 2, at: 27)
    put(1_000_000, 4, at: 29)
    put(500_000, 3, at: 36)  // y: 1 g
    let hex = report.map {
      String($0, radix: 16).count == 1 ? "0" + String($0, radix: 16) : String($0, radix: 16)
    }
    let sample = try #require(decode("xreal-air", "imu", [hex.joined()]).samples.first)
    #expect(sample.deviceTicks == 123_456_789_012)
    // (−x, z, y): raw (1045576, −2000, 40) · 500/10⁶ °/s.
    let degree = Double.pi / 180
    #expect(near(sample.angularVelocity, Vector3(-522.788, 0.02, -1) * degree, 1e-9))
    #expect(near(sample.specificForce, Vector3(0, 0, standardGravity), 1e-9))
    // A divisor of 0 must not become a sample.
    put(0, 4, at: 14)
    let zero = report.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    #expect(throws: DecodeError.self) { try decode("xreal-air", "imu", [zero]) }
  }

  @Test func xrealIsStartedByTheKnownCommand() throws {
    let part = try #require(try Places.description("xreal-air").parts.first)
    // As its drivers have it: AA, CRC-32, length 4, 0x19, 1.
    #expect(part.setupOutputs == [[0x00, 0xaa, 0xc5, 0xd1, 0x21, 0x42, 0x04, 0x00, 0x19, 0x01]])
  }

  @Test func psMoveHalfFramesAreOffsetBinary() throws {
    var report = [UInt8](repeating: 0, count: 49)
    report[0] = 1
    func put(_ value: Int, at place: Int) {
      report[place] = UInt8(truncatingIfNeeded: value)
      report[place + 1] = UInt8(truncatingIfNeeded: value >> 8)
    }
    for (index, value) in [0x8000, 0x8000 - 4096, 0x8000, 0x8000, 0x8000, 0x8000 + 4096].enumerated() {
      put(value, at: 13 + 2 * index)
    }
    for (index, value) in [0x8000 + 100, 0x8000, 0x8000, 0x8000, 0x8000 - 100, 0x8000].enumerated() {
      put(value, at: 25 + 2 * index)
    }
    let hex = report.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    let samples = try decode("sony-psmove-zcm1", "bluetooth", [hex]).samples
    #expect(samples.count == 2)
    // (x, z, −y)
    #expect(near(samples[0].specificForce, Vector3(0, 0, standardGravity), 1e-9))
    #expect(near(samples[1].specificForce, Vector3(0, standardGravity, 0), 1e-9))
    let rate = 100 * 2000 / 32768 * Double.pi / 180
    #expect(near(samples[0].angularVelocity, Vector3(rate, 0, 0), 1e-9))
    #expect(near(samples[1].angularVelocity, Vector3(0, 0, rate), 1e-9))
  }

  @Test func windowsMixedRealityReadingsAreMeansOfEightPlaneByPlane() throws {
    var report = [UInt8](repeating: 0, count: 497)
    report[0] = 1
    func put(_ value: Int64, _ count: Int, at place: Int) {
      for index in 0..<count { report[place + index] = UInt8(truncatingIfNeeded: value >> Int64(8 * index)) }
    }
    for sample in 0..<4 {
      put(Int64(10_000 * sample), 8, at: 9 + 8 * sample)
      for reading in 0..<8 {
        // Mean of 100·sample − 3.5 … + 3.5 on y alone.
        put(Int64(100 * sample + reading), 2, at: 41 + 64 + 2 * (8 * sample + reading))
      }
      put(9807, 4, at: 265 + 16 + 4 * sample)
      put(Int64(sample), 4, at: 265 + 32 + 4 * sample)
    }
    let hex = report.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    let samples = try decode("microsoft-wmr", "sensors", [hex]).samples
    #expect(samples.map(\.deviceTicks) == [0, 10_000, 20_000, 30_000])
    for (index, sample) in samples.enumerated() {
      // (x, −y, −z), thousandths.
      #expect(near(sample.angularVelocity, Vector3(0, -(100 * Double(index) + 3.5) * 1e-3, 0), 1e-12))
      #expect(near(sample.specificForce, Vector3(0, -9.807, -Double(index) * 1e-3), 1e-12))
    }
  }

  @Test func blocksOfACalibrationAreJoinedWhateverComesFirst() throws {
    let description = try Places.description("sony-psmove-zcm1")
    let device = try EmulatedDevice(description, options: .init())
    // Somebody else read one block before us.
    let first: [UInt8]? = device.responder.getFeature(id: 0x10, length: 49)
    #expect(first?[1] == 0x00)
    let opened = try PartOpener.open(device.match, features: device.responder, descriptor: device.descriptor)
    #expect(opened.warnings.isEmpty, "\(opened.warnings)")
    #expect(opened.calibration.source == .factory)
    // One turn at 480 °/s over 7,900 − 20 counts of 2,000/32,768 °/s.
    let gain = 480 / (7900.0 - 20) / (2000.0 / 32768)
    #expect(
      abs(
        opened.calibration.gyroscope.matrix.determinant - gain * (480 / (7820.0 + 12) / (2000.0 / 32768))
          * (480 / (7850.0 - 7) / (2000.0 / 32768))) < 1e-9)
  }

  @Test func placementsOfLaterLighthouseDevicesAreTwoAxesAndAPlace() throws {
    let json = """
      {"device_class":"hmd","imu":{"acc_bias":[0,0,0],"acc_scale":[1,1,1],"gyro_bias":[0,0,0],\
      "gyro_scale":[1,1,1],"plus_x":[0,-1,0],"plus_z":[0,0,-1],"position":[0.01,0.02,-0.03]},\
      "head":{"plus_x":[1,0,0],"plus_z":[0,0,1],"position":[0,0,0.1]}}
      """
    let configuration = try LighthouseConfiguration(blob: Array(json.utf8))
    let pose = try #require(configuration.deviceFromUnit)
    // The Index's axes as Monado has them: (−y, −x, −z).
    let v = Vector3(1, 2, 3)
    #expect(near(pose.orientation.rotate(v), Vector3(-2, -1, -3), 1e-12))
    #expect(near(pose.position, Vector3(0.01, 0.02, -0.13), 1e-12))
  }

  @Test func joyConHoldsThreeSamplesFiveMillisecondsApart() throws {
    let head = "306590008000318782000000a03200fe086f0c9401b2ff2701"
    let report = head + "3300ff08700c9501b3ff2801" + "3400000971 0c9601b4ff2901"
    let (batch, samples, controls) = try decode("nintendo-joycon-left", "bluetooth", [report])
    #expect(samples.count == 3 && samples.map(\.deviceTicks) == [0x63, 0x64, 0x65])
    // (−y, z, −x) of (50, 2302, 3183) and (404, −78, 295).
    #expect(near(samples[0].specificForce, Vector3(-2302, 3183, -50) * (8 * standardGravity / 32768), 1e-9))
    #expect(near(samples[0].angularVelocity, Vector3(78, 295, -404) * (0.07 * .pi / 180), 1e-12))
    // It lies still: gravity is all that it feels.
    #expect(abs(samples[0].specificForce.length - standardGravity) < 0.5)
    #expect(batch.battery == BatteryState(level: 1, isCharging: true))
    let x = try #require(controls.firstIndex { $0.path == "/input/thumbstick/x" })
    #expect(abs(batch.controlValue(x)) < 0.25)
  }

  @Test func psvrSwapsTheFirstTwoAxes() throws {
    func vector(_ x: Int16, _ y: Int16, _ z: Int16) -> String {
      [y, x, z].map { value in
        withUnsafeBytes(of: value.littleEndian) {
          $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
      }.joined()
    }
    let first = "01000000" + vector(10, 20, 30) + vector(100, 16_384, -200)
    let second = "f5010000" + vector(11, 21, 31) + vector(101, 16_384, -201)
    let report = String(repeating: "00", count: 16) + first + second + String(repeating: "00", count: 16)
    let samples = try decode("sony-psvr", "sensor", [report]).samples
    #expect(samples.map(\.deviceTicks) == [1, 501])
    #expect(near(samples[0].angularVelocity, Vector3(10, 20, -30) * 0.0010653, 1e-12))
    #expect(near(samples[0].specificForce, Vector3(100, 16_384, 200) * (standardGravity / 16_384), 1e-9))
  }

  @Test func dualSenseLyingFlat() throws {
    let head = "01807f838200000108000000b0ef3feafcfff9ff020011fa801e4b02d47f1f00048000"
    let report = head + String(repeating: "0", count: 128 - head.count)
    let (batch, samples, controls) = try decode("sony-dualsense", "usb", [report])
    let sample = try #require(samples.first)
    #expect(near(sample.angularVelocity, Vector3(-4, -7, 2) * (2000 * .pi / 180 / 32768), 1e-12))
    #expect(near(sample.specificForce, Vector3(-1519, 7808, 587) * (4 * standardGravity / 32768), 1e-9))
    #expect(sample.deviceTicks == 0x001f_7fd4)
    let up = try #require(controls.firstIndex { $0.path == "/input/dpad_up/click" })
    #expect(batch.controlValue(up) == 0)
    let y = try #require(controls.firstIndex { $0.path == "/input/thumbstick_left/y" })
    #expect(abs(batch.controlValue(y)) < 0.01)
  }

  @Test func dualSenseFactoryCalibrationOfARealUnit() throws {
    let description = try Places.description("sony-dualsense")
    let part = try #require(description.parts.first { $0.name == "usb" })
    guard case .twoPoint(let twoPoint) = part.calibration else { return #expect(Bool(false)) }
    let scales = part.nominalScales
    let calibration = try #require(
      twoPoint.calibration(
        reply: [0x05] + part.features[0].reply, gyroscopeScale: scales.gyroscope,
        accelerometerScale: scales.accelerometer, axes: part.axes))
    // By hand: (raw − middle) · 2 / span per axis. Over its recording the unit reads 0.990 g at rest.
    let force = calibration.accelerometer(Vector3(-1519, 7808, 587) * scales.accelerometer)
    #expect(abs(force.length / standardGravity - 0.98832) < 1e-5)
    // 1,080 °/s over spans of 17,739 counts, bias excluded.
    let rate = calibration.gyroscope(Vector3(17_739, 0, 0) * scales.gyroscope)
    #expect(abs(rate.x * 180 / .pi - 1080) < 1)
  }

  @Test func dualShock4UsbAndBluetoothCalibrationAgree() throws {
    let description = try Places.description("sony-dualshock4")
    let replies = [
      "usb": "021e000500e2fff2224fddbe224ddd8d2239dd1c021c02e31f8bdf8c1eb4de302071e01000",
      "bluetooth": "051e000500e2fff222be228d224fdd4ddd39dd1c021c02e31f8bdf8c1eb4de302071e01000cafc644d",
    ]
    var results: [InertialCalibration] = []
    for (name, reply) in replies {
      let part = try #require(description.parts.first { $0.name == name })
      guard case .twoPoint(let twoPoint) = part.calibration else { continue }
      let scales = part.nominalScales
      results.append(
        try #require(
          twoPoint.calibration(
            reply: bytes(reply), gyroscopeScale: scales.gyroscope, accelerometerScale: scales.accelerometer,
            axes: part.axes)))
    }
    #expect(results.count == 2)
    #expect(results[0] == results[1])
  }

  @Test func clonesThatAnswerZerosKeepTheNominalScale() throws {
    let description = try Places.description("sony-dualshock4")
    let part = try #require(description.parts.first)
    guard case .twoPoint(let twoPoint) = part.calibration else { return #expect(Bool(false)) }
    let zeros = [UInt8](repeating: 0, count: 37)
    #expect(
      twoPoint.calibration(reply: zeros, gyroscopeScale: 1, accelerometerScale: 1, axes: .identity) == nil)
    #expect(
      twoPoint.calibration(reply: [2], gyroscopeScale: 1, accelerometerScale: 1, axes: .identity) == nil)
  }

  /// CRC-32 over 0xA3 and the report, on a real feature report of a DualShock 4.
  /// The CRC that the emulator puts behind a feature report is that of a real pad.
  @Test func emulatedFeatureReportsAreSignedAsRealOnes() throws {
    let device = try EmulatedDevice(
      try Places.description("sony-dualshock4"),
      options: .init(part: "bluetooth", serial: "00:11:22:33:44:55"))
    let reply: [UInt8]? = device.responder.getFeature(id: 0x05, length: 41)
    #expect(reply?.suffix(4) == [0xca, 0xfc, 0x64, 0x4d])
  }

  @Test func bluetoothChecksumOfARealReport() {
    let report = bytes("051e000500e2fff222be228d224fdd4ddd39dd1c021c02e31f8bdf8c1eb4de302071e01000cafc644d")
    let crc = report.withUnsafeBytes { seededCRC32(seed: 0xa3, UnsafeRawBufferPointer(rebasing: $0[0..<37])) }
    #expect(crc == 0x4d64_fcca)
  }

  @Test func riftPacksTwentyOneBitsBigEndian() throws {
    // x = 1, y = −1, z = 98,066 in units of 1e-4: the vendor's bit order, x in bits 63…43.
    let x: UInt64 = 1
    let y: UInt64 = 0x1f_ffff
    let z: UInt64 = 98_066
    let packed = x << 43 | y << 22 | z << 1
    var report = [UInt8](repeating: 0, count: 64)
    report[0] = 0x0b
    report[3] = 1
    report[8] = 0x40
    for index in 0..<8 { report[12 + index] = UInt8(packed >> UInt64(56 - 8 * index) & 0xff) }
    let text = report.map {
      String($0, radix: 16).count < 2 ? "0" + String($0, radix: 16) : String($0, radix: 16)
    }
    let sample = try #require(decode("oculus-dk2", "tracker", [text.joined()]).samples.first)
    #expect(near(sample.specificForce, Vector3(1e-4, -1e-4, 9.8066), 1e-12))
    #expect(sample.deviceTicks == 0x40)
    #expect(sample.periods == 1)
  }

  @Test func riftCountsAboveTheCapacityMakeTheFirstSlotAMean() throws {
    var report = [UInt8](repeating: 0, count: 64)
    report[0] = 0x0b
    report[3] = 5
    report[8] = 0x10
    report[9] = 0x27  // 10,000 µs
    let text = report.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    let samples = try decode("oculus-dk2", "tracker", [text]).samples
    #expect(samples.map(\.periods) == [4, 1])
    #expect(samples.map(\.deviceTicks) == [9_000, 10_000])
  }

  @Test func relativtyQuaternionIgnoresTheGarbageBehindIt() throws {
    var report: [UInt8] = [0x01]
    for value: Float in [0.5, 0.5, -0.5, 0.5] { withUnsafeBytes(of: value) { report.append(contentsOf: $0) } }
    report += (0..<47).map { _ in UInt8.random(in: 0...255) }
    let description = try Places.description("relativty")
    let decoder = try PartDecoder(part: description.parts[0], controls: [])
    let batch = SampleBatch()
    try report.withUnsafeBytes {
      _ = try decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
    }
    let q = try #require(batch.orientation).worldFromDevice
    #expect(q == Quaternion(x: 0.5, y: -0.5, z: 0.5, w: 0.5))
  }
}

/// Families whose interface brings several devices, or more than inertial samples.
struct SharedInterfaceTests {
  private func decode(_ family: String, _ part: String, _ report: [UInt8]) throws -> SampleBatch {
    let description = try Places.description(family)
    let found = try #require(description.parts.first { $0.name == part })
    let decoder = try PartDecoder(part: found, controls: description.controls)
    let batch = SampleBatch()
    batch.begin()
    try report.withUnsafeBytes {
      _ = try decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
    }
    return batch
  }

  /// Headsets that say whether somebody wears them, by a bit or by their proximity sensor.
  @Test func wornIsWhatTheHeadsetSays() throws {
    func isWorn(_ family: String, _ part: String, _ id: UInt8, _ bytes: [Int: UInt8]) throws -> Bool {
      var report = [UInt8](repeating: 0, count: 64)
      report[0] = id
      for (place, byte) in bytes { report[place] = byte }
      let description = try Places.description(family)
      let index = try #require(description.controls.firstIndex { $0.path == "/input/worn/touch" })
      return try decode(family, part, report).controlValue(index) > 0.5
    }
    #expect(try isWorn("sony-psvr", "sensor", 0, [8: 1]))
    #expect(try !isWorn("sony-psvr", "sensor", 0, [8: 0]))
    #expect(try isWorn("htc-vive", "mainboard", 3, [14: 40]))
    #expect(try !isWorn("htc-vive", "mainboard", 3, [14: 39]))
    #expect(try isWorn("oculus-cv1", "tracker", 11, [44: 4]))
    #expect(try !isWorn("oculus-cv1", "tracker", 11, [44: 3]))
    #expect(try isWorn("rokid", "sensors", 17, [46: 0]))
    #expect(try !isWorn("rokid", "sensors", 17, [46: 1]))
  }

  /// Two messages in a report, the first of the right hand, the second of the left.
  @Test func touchMessagesGoToTheirHands() throws {
    // u32 µs, 1 g on y, 1 °/s is 16.4 counts about x, A or X pressed, trigger 0x155, grip 0x2aa, stick 0x3ff and 0.
    let body = "10270000 0000 0008 0000 a400 0000 0000 01 55a90aff03 21 5000"
    let right = "1c00 03 " + body
    let left = "1c00 02 " + body.replacing("0008", with: "00f8")
    let pad = { (text: String) in text + String(repeating: "00", count: 28 - bytes(text).count) }
    let report = bytes("0c 0000" + pad(right) + pad(left)) + [0, 0, 0, 0, 0]
    for (family, up) in [("oculus-touch-right", 1.0), ("oculus-touch-left", -1.0)] {
      let batch = try decode(family, "radio", report)
      #expect(batch.inertialCount == 1 && batch.linkChange == true)
      let sample = batch.inertial(0)
      #expect(sample.deviceTicks == 10_000)
      #expect((sample.specificForce - Vector3(0, up * standardGravity, 0)).length < 1e-9)
      #expect(abs(sample.angularVelocity.x - 10.01 * .pi / 180) < 1e-4)
      let controls = try Places.description(family).controls
      func value(_ path: String) throws -> Float {
        batch.controlValue(try #require(controls.firstIndex { $0.path == path }))
      }
      #expect(try value(family == "oculus-touch-right" ? "/input/a/click" : "/input/x/click") == 1)
      #expect(abs(try value("/input/trigger/value") - Float(1023 - 0x155) / 1023) < 1e-6)
      #expect(abs(try value("/input/squeeze/value") - Float(1023 - 0x2aa) / 1023) < 1e-6)
      #expect(batch.battery?.level == 0.8)
    }
    // A message without a sample, as of a controller that sleeps, and the radio's word that it is there.
    let silent = bytes("0c 0000" + pad("1c00 03") + pad("0000 22")) + [0, 0, 0, 0, 0]
    #expect(try decode("oculus-touch-right", "radio", silent).inertialCount == 0)
    #expect(
      try decode("oculus-touch-right", "radio", [0x0d] + [UInt8](repeating: 0, count: 63)).linkChange == nil)
  }

  /// Only slots up to the first marked one are samples.
  @Test func riftSTakesTheSamplesThatAreThere() throws {
    let slot = { (mark: String, y: String) in mark + "0000" + y + "0000" + "0000 0000 0000" + "0000" }
    let head = "65 0100 e8030000"
    let report = bytes(head + slot("00", "0008") + slot("01", "0010") + slot("80", "0018"))
    let full = report + [UInt8](repeating: 0, count: 64 - report.count)
    let batch = try decode("oculus-rift-s", "headset", full)
    #expect(batch.inertialCount == 2)
    #expect(batch.inertial(0).deviceTicks == 1000 && batch.inertial(1).deviceTicks == 2000)
    #expect(abs(batch.inertial(1).specificForce.y - 2 * standardGravity) < 1e-9)
  }

  @Test func hydraControllersKnowTheirPlace() throws {
    // Left: 100 mm right, wire order x, z, −y; a quarter turn about the sensor's x. Right: the identity.
    let left = "6400 2c01 ce ff 825a 825a 0000 0000 41 ff7f 0180 ff"
    let right = "0000 0000 0000 ff7f 0000 0000 0000 00 0000 0000 00"
    let report = bytes("00000000000000 07" + left + "0000" + right + "0000")
    #expect(report.count == 52)
    let batch = try decode("razer-hydra-left", "motion", report)
    let sample = try #require(batch.orientation)
    #expect((try #require(sample.position) - Vector3(0.1, 0.05, 0.3)).length < 1e-9)
    // q·(i): half a turn about x before.
    let expected = Quaternion(x: 1, y: 0, z: 0, w: 1).normalized * Quaternion(x: 1, y: 0, z: 0, w: 0)
    #expect(sample.worldFromDevice.angle(to: expected) < 1e-4)
    let controls = try Places.description("razer-hydra-left").controls
    func value(_ path: String) throws -> Float {
      batch.controlValue(try #require(controls.firstIndex { $0.path == path }))
    }
    #expect(try value("/input/shoulder/click") == 1 && value("/input/thumbstick/click") == 1)
    #expect(try value("/input/thumbstick/x") > 0.99 && value("/input/thumbstick/y") < -0.99)
    #expect(try value("/input/trigger/value") == 1)
    #expect(try decode("razer-hydra-right", "motion", report).orientation?.position == .zero)
  }

  @Test func aSharedInterfaceIsForAllOfItsDevices() throws {
    let catalog = try Places.catalog()
    func families(_ vendor: UInt16, _ product: UInt16, _ interface: Int) -> [String] {
      var identity = InterfaceIdentity(
        bus: .usb, vendor: vendor, product: product, serial: "", interfaceNumber: interface,
        physicalPath: "usb-1/input0", name: "", origin: .hardware)
      identity.interfaceNumber = interface
      return catalog.matches(identity, nil).map(\.description.family)
    }
    #expect(families(0x2833, 0x0031, 1) == ["oculus-touch-left", "oculus-touch-right"])
    #expect(families(0x1532, 0x0300, 0) == ["razer-hydra-left", "razer-hydra-right"])
    #expect(families(0x2833, 0x0031, 0) == ["oculus-cv1"])
    #expect(families(0x28de, 0x2101, 0) == ["htc-vive-wand"])
  }
}

/// Radio messages of the second generation: packets of a real controller as libsurvive's driver_vive.c quotes them,
/// framed as the dongle sends them.
struct KnucklesTests {
  private func decoder() throws -> (PartDecoder, [Control]) {
    let description = try Places.description("valve-knuckles")
    return (
      try PartDecoder(part: description.parts[0], controls: description.controls), description.controls
    )
  }

  private func message(_ payload: String) -> [UInt8] {
    let body = bytes(payload)
    let report: [UInt8] = [0x23, 0x44, UInt8(body.count + 1), 0x18] + body
    return report + [UInt8](repeating: 0xee, count: 30 - report.count)
  }

  private func decode(_ decoder: PartDecoder, _ payload: String) throws -> SampleBatch {
    let batch = SampleBatch()
    batch.begin()
    try message(payload).withUnsafeBytes {
      _ = try decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
    }
    return batch
  }

  @Test func realMessagesAreTakenApart() throws {
    let (decoder, controls) = try decoder()
    func value(_ batch: SampleBatch, _ path: String) throws -> Float {
      batch.controlValue(try #require(controls.firstIndex { $0.path == path }))
    }
    // At rest: flags 0x80, the unit's block alone.
    let still = try decode(decoder, "80 a5 4cfb 8ff1 f2f9 d3ff 2c00 dfff")
    #expect(still.inertialCount == 1 && still.linkChange == true)
    let sample = still.inertial(0)
    #expect(sample.deviceTicks == 0x4418_a500)
    let force = Vector3(-1204, -3697, -1550) * (8 * standardGravity / 32768)
    #expect((sample.specificForce - force).length < 1e-9)
    #expect(abs(sample.specificForce.length - standardGravity) < 0.3, "it lay still")
    // The same with a word on its state behind.
    #expect(try decode(decoder, "c0 92 52fb 7df1 eaf9 ceff 2f00 dcff 20 01").inertialCount == 1)
    // Trigger and light; a finger on A; the stick; fingers around the handle.
    #expect(
      abs(
        try value(
          decode(decoder, "31 f4 f8 61 ca259f7f 26499f5f 06c59fbf f6db9f17 8ae89f0f"), "/input/trigger/value")
          - 0xf8 / 255) < 1e-6)
    #expect(try value(decode(decoder, "20 f0 a1 20 00 01 00 00 00 00"), "/input/b/touch") == 1)
    let stick = try decode(decoder, "35 f6 5b efe5 6d3e 61 cc3dde00 c651ea59 727beab9 9a81ea11")
    #expect(abs(try value(stick, "/input/thumbstick/x") - Float(Int16(bitPattern: 0xe5ef)) / 32767) < 1e-4)
    #expect(try value(stick, "/input/trackpad/x") == 0)
    let hand = try decode(decoder, "20 f0 a1 00 bb f5 ff e5 07 00")
    #expect(abs(try value(hand, "/input/middle_finger/value") - 0xbb / 255) < 1e-6)
    #expect(try value(hand, "/input/little_finger/value") == 1)
    // With a finger on the pad, what moves is the finger.
    let pad = try decode(decoder, "36 f7 02 18 12e1 b806 61 747ebf0b 26b3ac7f 76d2ac5f e200ad17")
    #expect(try value(pad, "/input/trackpad/touch") == 1 && value(pad, "/input/trackpad/x") != 0)
    // A word that it is there; a word whose length nobody knows; battery.
    #expect(try decode(decoder, "e2 01 02").inertialCount == 0)
    #expect(try decode(decoder, "40 99 01 02").battery == nil)
    #expect(try decode(decoder, "40 80 d0").battery == BatteryState(level: 0.8, isCharging: true))
  }

  @Test func messagesThatAreCutOffAreFaults() throws {
    let (decoder, _) = try decoder()
    for payload in [
      "80 a5 4cfb", "20", "20 f4", "20 f0 a1 20", "40", "40 80", "a0 a5 4cfb 8ff1 f2f9 d3ff 2c00 dfff",
    ] {
      #expect(throws: DecodeError.self, "\(payload)") { try decode(decoder, payload) }
    }
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
    let description = try Places.description("valve-knuckles")
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
    let description = try Places.description("valve-index")
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
    let description = try Places.description("valve-index")
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
    let description = try Places.description("valve-index")
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
    let description = try Places.description("htc-vive-wand")
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
