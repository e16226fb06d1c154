import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices

/// Reports of real devices, with the values that they are known to mean.
struct GoldenVectorTests {
  @Test func viveHeadsetRingIsEmittedInOrderOfSequence() throws {
    // Raw axes in the fact: (x, y, z); OpenXR: (x, −y, −z).
    let report =
      "20feffe6dfa4ff9eff3800ccff54b6467d3c0800c4dfbeffb2ff4b00c8ff323f457d3af2ffc0df8effabff3f00cbffc3fa457d3b"
    let samples = try GoldenVector.decode(
      "htc-vive", "imu", [report, report], replies: ["ranges": [1, 1, 1]]
    ).samples
    #expect(samples.map(\.deviceTicks) == [2_101_690_162, 2_101_738_179, 2_101_786_196])
    #expect(near(samples[0].specificForce, Vector3(0.0096, 9.8785, 0.0790), 2e-4))
    #expect(near(samples[1].specificForce, Vector3(-0.0168, 9.8833, 0.1365), 2e-4))
    #expect(near(samples[2].specificForce, Vector3(-0.0024, 9.8378, 0.1101), 2e-4))
    #expect(near(samples[2].angularVelocity, Vector3(-0.0261, -0.01491, 0.01385), 2e-5))
  }

  @Test func viveWandScalesByTheRangesItReports() throws {
    let report =
      "20b2ff05054bf00c00ffff0500a3ea9c8426b2ff030539f00c00fcff060061d89f8427c2ff04053cf00a00ffff02001fc6a28428"
    let samples = try GoldenVector.decode("htc-vive-wand", "imu", [report], replies: ["ranges": [1, 3, 2]])
      .samples
    #expect(samples.map(\.deviceTicks) == [2_224_876_195, 2_225_068_129, 2_225_260_063])
    // (−x, −z, −y) of (−0.1867, 3.0765, −9.6271) and of (0.01278, −0.00107, 0.00533).
    #expect(near(samples[0].specificForce, Vector3(0.1867, 9.6271, -3.0765), 2e-4))
    #expect(near(samples[0].angularVelocity, Vector3(-0.01278, -0.00533, 0.00107), 2e-5))
    let half = try GoldenVector.decode("htc-vive-wand", "imu", [report], replies: ["ranges": [1, 2, 1]])
      .samples
    #expect(near(half[0].specificForce * 2, samples[0].specificForce, 1e-9))
  }

  @Test func watchmanMessageIsCutAtItsLengthAndStaleBytesAreLeft() throws {
    let message = "23 44 18 c6 e8 17 a4fc 2305 6af0 f5ff f5ff 0100 50 40 81 01 dc f1 3b 84 c5 c4 cf bf"
    let sample = try #require(GoldenVector.decode("htc-vive-wand", "radio", [message]).samples.first)
    #expect(sample.deviceTicks == 0x44c6_1700)
    let force = 8 * standardGravity / 32768
    #expect(near(sample.specificForce, Vector3(860, 3990, -1315) * force, 1e-9))
    let rate = 2000 * Double.pi / 180 / 32768
    #expect(near(sample.angularVelocity, Vector3(11, -1, 11) * rate, 1e-9))
  }

  @Test func watchmanEventsGiveControlsAndBattery() throws {
    // From a recording of a wand that was just switched on: battery, then all input zero.
    let message = "23 91 0a 00 e1 00 f7 00 00 00 00 00 00 43 eb 62 05 bc 6e bc 3a 86 ee 43 00 00 00 00 00 00"
    let (batch, samples, controls) = try GoldenVector.decode("htc-vive-wand", "radio", [message])
    #expect(samples.isEmpty)
    #expect(batch.battery == BatteryState(level: 0, isCharging: false))
    #expect(batch.linkChange == true)
    let x = try #require(controls.firstIndex { $0.path == "/input/trackpad/x" })
    #expect(batch.knownControls & 1 << UInt64(x) != 0)
  }

  @Test func watchmanPeerLost() throws {
    let batch = try GoldenVector.decode("htc-vive-wand", "radio", ["26 01"]).batch
    #expect(batch.linkChange == false)
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
    let sample = try #require(GoldenVector.decode("xreal-air", "imu", [hex.joined()]).samples.first)
    #expect(sample.deviceTicks == 123_456_789_012)
    // (−x, z, y): raw (1045576, −2000, 40) · 500/10⁶ °/s.
    let degree = Double.pi / 180
    #expect(near(sample.angularVelocity, Vector3(-522.788, 0.02, -1) * degree, 1e-9))
    #expect(near(sample.specificForce, Vector3(0, 0, standardGravity), 1e-9))
    // A divisor of 0 must not become a sample.
    put(0, 4, at: 14)
    let zero = report.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    #expect(throws: DecodeError.self) { try GoldenVector.decode("xreal-air", "imu", [zero]) }
  }

  @Test func xrealIsStartedByTheKnownCommand() throws {
    let part = try #require(try TestPaths.description("xreal-air").parts.first)
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
    let samples = try GoldenVector.decode("sony-psmove-zcm1", "bluetooth", [hex]).samples
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
    let samples = try GoldenVector.decode("microsoft-wmr", "sensors", [hex]).samples
    #expect(samples.map(\.deviceTicks) == [0, 10_000, 20_000, 30_000])
    for (index, sample) in samples.enumerated() {
      // (x, −y, −z), thousandths.
      #expect(near(sample.angularVelocity, Vector3(0, -(100 * Double(index) + 3.5) * 1e-3, 0), 1e-12))
      #expect(near(sample.specificForce, Vector3(0, -9.807, -Double(index) * 1e-3), 1e-12))
    }
  }

  /// A real report of a left Joy-Con that lies still; what follows its first sample is made up.
  @Test func joyConHoldsThreeSamplesFiveMillisecondsApart() throws {
    let head = "306590008000318782000000a03200fe086f0c9401b2ff2701"
    let report = head + "3300ff08700c9501b3ff2801" + "3400000971 0c9601b4ff2901"
    let (batch, samples, controls) = try GoldenVector.decode("nintendo-joycon-left", "bluetooth", [report])
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
    let samples = try GoldenVector.decode("sony-psvr", "sensor", [report]).samples
    #expect(samples.map(\.deviceTicks) == [1, 501])
    #expect(near(samples[0].angularVelocity, Vector3(10, 20, -30) * 0.0010653, 1e-12))
    #expect(near(samples[0].specificForce, Vector3(100, 16_384, 200) * (standardGravity / 16_384), 1e-9))
  }

  @Test func dualSenseLyingFlat() throws {
    let head = "01807f838200000108000000b0ef3feafcfff9ff020011fa801e4b02d47f1f00048000"
    let report = head + String(repeating: "0", count: 128 - head.count)
    let (batch, samples, controls) = try GoldenVector.decode("sony-dualsense", "usb", [report])
    let sample = try #require(samples.first)
    #expect(near(sample.angularVelocity, Vector3(-4, -7, 2) * (2000 * .pi / 180 / 32768), 1e-12))
    #expect(near(sample.specificForce, Vector3(-1519, 7808, 587) * (4 * standardGravity / 32768), 1e-9))
    #expect(sample.deviceTicks == 0x001f_7fd4)
    let up = try #require(controls.firstIndex { $0.path == "/input/dpad_up/click" })
    #expect(batch.controlValue(up) == 0)
    let y = try #require(controls.firstIndex { $0.path == "/input/thumbstick_left/y" })
    #expect(abs(batch.controlValue(y)) < 0.01)
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
    let sample = try #require(GoldenVector.decode("oculus-dk2", "tracker", [text.joined()]).samples.first)
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
    let samples = try GoldenVector.decode("oculus-dk2", "tracker", [text]).samples
    #expect(samples.map(\.periods) == [4, 1])
    #expect(samples.map(\.deviceTicks) == [9_000, 10_000])
  }

  @Test func relativtyQuaternionIgnoresTheGarbageBehindIt() throws {
    var report: [UInt8] = [0x01]
    for value: Float in [0.5, 0.5, -0.5, 0.5] { withUnsafeBytes(of: value) { report.append(contentsOf: $0) } }
    report += (0..<47).map { _ in UInt8.random(in: 0...255) }
    let description = try TestPaths.description("relativty")
    let decoder = try PartDecoder(part: description.parts[0], controls: [])
    let batch = SampleBatch()
    try report.withUnsafeBytes {
      _ = try decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
    }
    let q = try #require(batch.orientation).worldFromDevice
    #expect(q == Quaternion(x: 0.5, y: -0.5, z: 0.5, w: 0.5))
  }
}
