import DeviceEmulation
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices

/// Calibrations and signatures of real units.
struct FactoryCalibrationTests {
  @Test func blocksOfACalibrationAreJoinedWhateverComesFirst() throws {
    let description = try TestPaths.description("sony-psmove-zcm1")
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

  @Test func dualSenseFactoryCalibrationOfARealUnit() throws {
    let description = try TestPaths.description("sony-dualsense")
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
    let description = try TestPaths.description("sony-dualshock4")
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
    let description = try TestPaths.description("sony-dualshock4")
    let part = try #require(description.parts.first)
    guard case .twoPoint(let twoPoint) = part.calibration else { return #expect(Bool(false)) }
    let zeros = [UInt8](repeating: 0, count: 37)
    #expect(
      twoPoint.calibration(reply: zeros, gyroscopeScale: 1, accelerometerScale: 1, axes: .identity) == nil)
    #expect(
      twoPoint.calibration(reply: [2], gyroscopeScale: 1, accelerometerScale: 1, axes: .identity) == nil)
  }

  /// The CRC that the emulator puts behind a feature report is that of a real pad.
  @Test func emulatedFeatureReportsAreSignedAsRealOnes() throws {
    let device = try EmulatedDevice(
      try TestPaths.description("sony-dualshock4"),
      options: .init(part: "bluetooth", serial: "00:11:22:33:44:55"))
    let reply: [UInt8]? = device.responder.getFeature(id: 0x05, length: 41)
    #expect(reply?.suffix(4) == [0xca, 0xfc, 0x64, 0x4d])
  }

  /// CRC-32 over 0xA3 and the report, on a real feature report of a DualShock 4.
  @Test func bluetoothChecksumOfARealReport() {
    let report = bytes("051e000500e2fff222be228d224fdd4ddd39dd1c021c02e31f8bdf8c1eb4de302071e01000cafc644d")
    let crc = report.withUnsafeBytes { seededCRC32(seed: 0xa3, UnsafeRawBufferPointer(rebasing: $0[0..<37])) }
    #expect(crc == 0x4d64_fcca)
  }
}
