import DeviceEmulation
import Foundation
import Sensing
import Spatial
import Synchronization
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

  /// A device whose replies to one feature report are damaged a few times.
  private final class Damaged: FeatureResponder {
    private let device: any FeatureResponder
    private let id: UInt8
    private let left: Mutex<Int>

    init(_ device: any FeatureResponder, id: UInt8, times: Int) {
      self.device = device
      self.id = id
      left = Mutex(times)
    }

    func getFeature(id: UInt8, length: Int) -> [UInt8]? {
      guard var reply = device.getFeature(id: id, length: length) else { return nil }
      let isDamaged = left.withLock { left in
        guard id == self.id, left > 0 else { return false }
        left -= 1
        return true
      }
      // The speed of the maker's turn: without the checksum all rates would be 12 % too high.
      if isDamaged { reply[19] ^= 0x80 }
      return reply
    }

    func setFeature(_ report: [UInt8]) -> Bool { device.setFeature(report) }
    func output(_ report: [UInt8]) { device.output(report) }
    func nextInput() -> [UInt8]? { device.nextInput() }
  }

  @Test(arguments: ["sony-dualshock4", "sony-dualsense"])
  func aCalibrationWithAWrongChecksumIsReadAgainAndNotUsed(_ family: String) throws {
    let device = try EmulatedDevice(
      try TestPaths.description(family), options: .init(part: "bluetooth", serial: "00:11:22:33:44:55"))
    let intact = try PartOpener.open(device.match, features: device.responder, descriptor: device.descriptor)
    #expect(intact.calibration.source == .factory && intact.warnings.isEmpty, "\(intact.warnings)")
    let twice = try PartOpener.open(
      device.match, answering: Damaged(device.responder, id: 0x05, times: 2), descriptor: device.descriptor)
    #expect(twice.calibration == intact.calibration && twice.warnings.isEmpty, "\(twice.warnings)")
    let always = try PartOpener.open(
      device.match, answering: Damaged(device.responder, id: 0x05, times: .max), descriptor: device.descriptor
    )
    #expect(always.calibration == InertialCalibration())
    #expect(always.warnings.count == 1 && always.warnings[0].contains("checksum does not match"))
    #expect(always.warnings[0].contains("nominal values are used"), "\(always.warnings)")
  }

  /// Numbers of a damaged file or device that no sensor has: each would turn a quarter of a circle into another angle.
  @Test func implausibleCalibrationsAreNotUsed() throws {
    let file = """
      {"format": "vrbridge-calibration/1", "family": "x", "version": 1, "date": "", "source": "test",
       "gyroscope": {"matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "offset": [0, 0, 0]},
       "gyroscope_per_degree": [0, 0, 0], "reference_temperature_c": 25}
      """
    _ = try CalibrationFile(json: Array(file.utf8), file: "f")
    for (old, new) in [
      ("[1, 0, 0]", "[1, 0.9, 0]"), ("[1, 0, 0]", "[3, 0, 0]"),
      ("degree\": [0, 0, 0]", "degree\": [0, 2, 0]"),
      ("degree\": [0, 0, 0]", "degree\": [0, 0]"), ("_c\": 25", "_c\": 900"),
    ] {
      let changed = file.replacing(old, with: new)
      #expect(changed != file)
      #expect(throws: CalibrationFileError.self, "\(new)") {
        try CalibrationFile(json: Array(changed.utf8), file: "f")
      }
    }
    for matrix in [
      Matrix3.diagonal(Vector3(1.5, 1, 1)), .diagonal(Vector3(1, 0.6, 1)),
      Matrix3(Vector3(1, 0.5, 0), Vector3(0, 1, 0), Vector3(0, 0, 1)),
      Matrix3(Vector3(1, 0, 0), Vector3(0.9, 0.1, 0), Vector3(0, 0, 1)), .diagonal(Vector3(.nan, 1, 1)),
    ] { #expect(!matrix.isPlausibleCorrection, "\(matrix)") }
    #expect(Matrix3(Vector3(1.02, 0.01, 0), Vector3(0, 0.97, -0.02), Vector3(0, 0, 1)).isPlausibleCorrection)
    let turned = Quaternion(rotationVector: Vector3(0.4, 1, -2)).matrix
    #expect(turned.isPlausibleCorrection)
    // The speed of the turn on a real reply: 540 °/s one way become 28.
    let part = try #require(try TestPaths.description("sony-dualshock4").parts.first)
    guard case .twoPoint(let twoPoint) = part.calibration else { return #expect(Bool(false)) }
    var reply = [0x02] + part.features[0].reply
    let scales = part.nominalScales
    func read() -> InertialCalibration? {
      twoPoint.calibration(
        reply: reply, gyroscopeScale: scales.gyroscope, accelerometerScale: scales.accelerometer,
        axes: part.axes)
    }
    #expect(read() != nil)
    reply[20] ^= 0x02
    #expect(read() == nil)
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
