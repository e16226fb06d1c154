import DeviceEmulation
import Foundation
import Sensing
import Spatial
import StrictYAML
import Synchronization
import TestSupport
import Testing

@testable import Devices

/// Data that devices give out to commands: factory calibrations.
struct StoredDataTests {
  private func device(_ family: String, _ part: String, _ change: (String) -> String = { $0 }) throws
    -> EmulatedDevice
  {
    let text = change(try TestPaths.description(family).text)
    let description = try DescriptionParser.parse(text: text, file: family)
    return try EmulatedDevice(description, options: EmulatedDevice.Options(part: part))
  }

  private func open(_ device: EmulatedDevice) throws -> OpenedPart {
    try PartOpener.open(device.match, features: device.responder, descriptor: device.descriptor)
  }

  /// By the formulas of the sources, written out for the numbers that the emulated devices keep.
  @Test func calibrationsAreThoseOfTheSources() throws {
    // Switch Pro Controller: g = raw·4/(coefficient − origin), °/s = (raw − offset)·936/(coefficient − offset),
    // axes −y, z, −x.
    let pro = try open(device("nintendo-pro-controller", "bluetooth"))
    #expect(pro.warnings.isEmpty && pro.calibration.source == .factory)
    let raw = Vector3(1000, 2000, -3000)
    let nominal = 0.07 * .pi / 180
    let turned = pro.calibration.gyroscope(Vector3(-raw.y, raw.z, -raw.x) * nominal)
    let gain = Vector3(936 / (13371.0 - 12), 936 / (13371.0 + 8), 936 / (13371.0 - 5)) * (.pi / 180)
    let rate = (raw - Vector3(12, -8, 5)) * gain
    #expect((turned - Vector3(-rate.y, rate.z, -rate.x)).length < 1e-9)
    let force = pro.calibration.accelerometer(Vector3(-raw.y, raw.z, -raw.x) * (8 * standardGravity / 32768))
    let g = raw * 4 / (Vector3(16384, 16384, 16384) - Vector3(100, -50, 30)) * standardGravity
    #expect((force - Vector3(-g.y, g.z, -g.x)).length < 1e-9)

    // PlayStation VR: (a − middle) · 2/(plus − minus); the report's order is y, x, z, and z points the other way.
    let vr = try open(device("sony-psvr", "sensor"))
    #expect(vr.warnings.isEmpty && vr.calibration.source == .factory)
    let reading = Vector3(0.3, 0.9, -0.2)
    let corrected = vr.calibration.accelerometer(
      Vector3(reading.x, reading.y, -reading.z) * standardGravity)
    let middle = Vector3((1.006 - 0.997) / 2, (1.004 - 0.992) / 2, (0.989 - 1.013) / 2)
    let span = Vector3(1.006 + 0.997, 1.004 + 0.992, 0.989 + 1.013)
    let expected = (reading - middle) * 2 / span * standardGravity
    #expect((corrected - Vector3(expected.x, expected.y, -expected.z)).length < 1e-5)
    #expect(vr.calibration.gyroscope == .identity)

    // XREAL: x' = −x − b_x, y' = z + b_y, z' = y + b_z for scale 1 (ar-drivers-rs, Monado).
    let air = try open(device("xreal-air", "imu"))
    #expect(air.warnings.isEmpty && air.calibration.source == .factory)
    let (x, y, z) = (0.4, -1.2, 9.7)
    let read = air.calibration.accelerometer(Vector3(-x, z, y))
    #expect(
      (read - Vector3((-x - 0.11) * 1.001, (z - 0.23) * 0.998, (y + 0.05) * 1.002)).length < 1e-9)
    // The gyroscope is turned into the accelerometer's axes first: 0.002, −0.001, 0.003 are half angles.
    let spin = air.calibration.gyroscope(Vector3(-0.5, 0, 0))
    #expect((spin - Vector3(-0.5 - 0.004, 0.001 - 0.007, 0.003 + 0.002)).length < 5e-5)

    // Windows Mixed Reality: matrix · raw + bias, axes x, −y, −z.
    for (family, part) in [("microsoft-wmr", "sensors"), ("microsoft-wmr-controller", "bluetooth")] {
      let wmr = try open(device(family, part))
      #expect(wmr.warnings.isEmpty && wmr.calibration.source == .factory)
      let turn = wmr.calibration.gyroscope(Vector3(1, -2, -3))
      let inside = Vector3(1.002 + 0.002 + 0.004, 2 * 0.998 - 0.006 - 0.006, 0.001 + 3 * 1.001 + 0.001)
      #expect((turn - Vector3(inside.x, -inside.y, -inside.z)).length < 1e-9)
    }
  }

  @Test func whatTheOwnerCalibratedGoesBeforeTheFactorys() throws {
    let own = try open(
      device("nintendo-joycon-left", "bluetooth") {
        $0.replacing(
          "        optional: true\n",
          with: """
                    optional: true
                    content: [0xb2, 0xa1, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0x40, 0, 0x40,
                              0, 0, 0, 0, 0, 0, 0x3b, 0x30, 0x3b, 0x34, 0x3b, 0x34]

            """.replacing("\n            ", with: "\n"))
      })
    #expect(own.warnings.isEmpty)
    let factory = try open(device("nintendo-joycon-left", "bluetooth"))
    #expect(own.calibration.gyroscope != factory.calibration.gyroscope)
    #expect(own.calibration.gyroscope.offset == .zero)
  }

  /// A recording of the device opens as the device did.
  @Test(arguments: [("xreal-air", "imu"), ("nintendo-pro-controller", "usb"), ("microsoft-wmr", "sensors")])
  func recordedAnswersGiveTheSameCalibration(_ family: String, _ part: String) throws {
    let device = try device(family, part)
    let opened = try open(device)
    let path = try TestPaths.temporaryFolder() + "/device.hid"
    let writer = try HIDRecordingWriter(path: path)
    try writer.begin([(device.identity, device.descriptorBytes)])
    for exchange in opened.exchanges { try writer.feature(exchange, interface: 0) }
    try writer.finish()
    let interface = try #require(try HIDRecording.read(path: path).interfaces.first)
    #expect(interface.features == opened.exchanges)
    let again = try PartOpener.open(
      device.match, recorded: interface.features, descriptor: device.descriptor)
    #expect(again.warnings.isEmpty && again.calibration == opened.calibration)
  }

  /// Answers as a test says, and counts what it was asked.
  private final class Liar: FeatureAccess {
    let asked = Mutex(0)
    let reply: @Sendable ([UInt8]) -> [UInt8]?
    private let last = Mutex<[UInt8]>([])
    init(_ reply: @escaping @Sendable ([UInt8]) -> [UInt8]?) { self.reply = reply }
    func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
      guard let answer = reply(last.withLock { $0 }) else { throw TransportError("get feature", code: EIO) }
      return answer
    }
    func setFeature(_ report: [UInt8]) throws(TransportError) {
      asked.withLock { $0 += 1 }
      last.withLock { $0 = report }
    }
    func writeOutput(_ report: [UInt8]) throws(TransportError) { try setFeature(report) }
    func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? {
      let command = last.withLock { command in
        defer { command = [] }
        return command
      }
      return command.isEmpty ? nil : reply(command)
    }
  }

  private func stored(_ family: String, _ part: String) throws -> StoredDataDescription {
    let description = try TestPaths.description(family)
    return try #require(description.parts.first { $0.name == part }?.stored.last)
  }

  @Test func devicesThatSayNothingOrNeverEndAreGivenUp() throws {
    let silent = Liar { _ in nil }
    #expect(throws: StoredDataError.self) {
      try StoredDataReader(stored("xreal-air", "imu"), device: silent).read()
    }
    #expect(silent.asked.withLock { $0 } == 3)
    // One that wakes up is given its time; and only once.
    let waking = Liar { _ in nil }
    #expect(throws: StoredDataError.self) {
      try StoredDataReader(stored("sony-psvr", "sensor"), device: waking).read()
    }
    #expect(waking.asked.withLock { $0 } == 1 + 20)
    // Says for ever that more follows.
    let endless = Liar { _ in [0x02, 0x01, 30] + [UInt8](repeating: 0x20, count: 30) }
    #expect(throws: StoredDataError.self) {
      try StoredDataReader(stored("microsoft-wmr", "sensors"), device: endless).read()
    }
    #expect(endless.asked.withLock { $0 } <= 2 + StoredDataDescription.longest / 30 + 1)
    // Says that a piece has more bytes than there are numbers.
    var wide = try stored("microsoft-wmr", "sensors")
    wide.count = .field(BitField(byte: 2, width: 64, number: .unsigned))
    wide.document = nil
    let full = Liar { command in
      command[1] == 8
        ? [0x02, 0x01] + [UInt8](repeating: 0xff, count: 31) : [0x02] + [UInt8](repeating: 0, count: 32)
    }
    #expect(throws: StoredDataError.self) { try StoredDataReader(wide, device: full).read() }
    // Says that it keeps four gigabytes.
    let large = Liar { command in
      [0xaa, 0, 0, 0, 0, 0, 0, command[8], 0xff, 0xff, 0xff, 0xff] + [UInt8](repeating: 0, count: 52)
    }
    let fault = #expect(throws: StoredDataError.self) {
      try StoredDataReader(stored("xreal-air", "imu"), device: large).read()
    }
    #expect(fault?.description.contains("4294967295") == true)
    // Never comes closer to its end.
    let turning = Liar { command in
      [command[0] == 6 && command[1] != 2 ? 6 : 2, 0, 2, 0, 2, 9, 0, 0, 0, 4]
        + [UInt8](repeating: 1, count: 68)
    }
    #expect(throws: StoredDataError.self) {
      try StoredDataReader(stored("microsoft-wmr-controller", "bluetooth"), device: turning).read()
    }
  }

  @Test func wrongDescriptionsAreToldWithTheirPlace() throws {
    let text = try TestPaths.description("xreal-air").text
    for (right, wrong, problem) in [
      ("        measure: {", "        pieces: 2\n        measure: {", "one way to know where the data ends"),
      ("echo: [[8, 7, 1]]", "echo: [[8, 64, 1]]", "not in the command and in the answer"),
      ("echo: [[8, 7, 1]]", "echo: [[8, 7]]", "echo"), ("at: 8, count: 56", "at: 64, count: 1", "data.at"),
      ("channel: output", "channel: input", "channel"),
      ("feature: calibration", "feature: flash", "is named so"),
      ("IMU.device_1.scale_gyro", "IMU..scale_gyro", "not a path in a document"),
      ("axes: [-x, -z, -y]", "axes: [x, -z, -y]", "mirror"),
      ("channel: output", "channel: output\n        x: 1", "'x'"),
    ] {
      let changed = text.replacing(right, with: wrong, maxReplacements: 1)
      #expect(changed != text, "\(right)")
      let fault = #expect(throws: DocumentError.self, "\(wrong)") {
        try DescriptionParser.parse(text: changed, file: "x.yaml")
      }
      #expect(fault?.description.contains(problem) == true && fault?.line != 0, "\(fault?.description ?? "")")
    }
  }

  @Test func randomAnswersAreRefusedAndDoNotTrap() throws {
    var random = SeededRandom(seed: 41)
    for (family, part) in [
      ("xreal-air", "imu"), ("microsoft-wmr", "sensors"), ("microsoft-wmr-controller", "bluetooth"),
      ("sony-psvr", "sensor"), ("nintendo-joycon-right", "bluetooth"),
    ] {
      let data = try stored(family, part)
      let calibrating = try TestPaths.description(family).parts.first { $0.name == part }
      for _ in 0..<60 {
        let seed = random.next()
        let source = Mutex(SeededRandom(seed: seed))
        let device = Liar { command in
          source.withLock { random in
            let length = Int(random.next() % 80)
            var bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            // Half of them look like the answer.
            if random.next() & 1 == 0 {
              for (at, byte) in data.expected where at < length { bytes[at] = byte }
              for echo in data.echo where echo.answer + echo.count <= length {
                for index in 0..<echo.count where echo.command + index < command.count {
                  bytes[echo.answer + index] = command[echo.command + index]
                }
              }
            }
            return bytes
          }
        }
        guard let text = try? StoredDataReader(data, device: device).read() else { continue }
        guard case .document(let description)? = calibrating?.calibration else { continue }
        #expect(throws: ConfigurationError.self) { try description.calibration(text, axes: .identity) }
      }
    }
  }

  @Test func documentsThatHoldSomethingElseAreRefused() throws {
    let part = try #require(try TestPaths.description("xreal-air").parts.first)
    guard case .document(let description) = part.calibration else {
      Issue.record("no document")
      return
    }
    let good = String(decoding: try #require(part.stored.first).content, as: UTF8.self)
    func fault(_ text: String) -> String {
      do throws(ConfigurationError) {
        _ = try description.calibration(Array(text.utf8), axes: part.axes)
        return ""
      } catch { return error.description }
    }
    #expect(fault(good).isEmpty && fault(good + "\0\0\0").isEmpty)
    #expect(fault("") == "the stored calibration is not a JSON object")
    #expect(fault(String(good.dropLast(9))) == "the stored calibration is not a JSON object")
    #expect(
      fault(good.replacing("\"accel_bias\": [0.11, ", with: "\"accel_bias\": [")).contains("accel_bias"))
    #expect(fault(good.replacing("0.9999930", with: "0.7")).contains("is not a rotation"))
    #expect(fault(good.replacing("[1.001, 0.998, 1.002]", with: "[0, 0, 0]")).contains("no sensor has"))
    #expect(fault(good.replacing("0.11", with: "1100")).contains("no sensor has"))
  }

  @Test func placesInDocuments() throws {
    let root: [String: Any] = [
      "A": ["B": [["Kind": "x", "N": [1, 2, 3]], ["Kind": "y", "N": [4, 9, 5, 9, 6, 9]]]]
    ]
    #expect(try #require(DocumentPath("A.B[Kind=x].N")).vector(in: root) == Vector3(1, 2, 3))
    #expect(try #require(DocumentPath("A.B[Kind=y].N")).vector(in: root, every: 2) == Vector3(4, 5, 6))
    for wrong in ["A.B[Kind=z].N", "A.C", "A", "A.B.N"] {
      #expect(throws: ConfigurationError.self) { try DocumentPath(wrong)?.vector(in: root) }
    }
    for text in ["", ".", "A.", "A[B]", "A[B=]", "A]B"] { #expect(DocumentPath(text) == nil, "\(text)") }
  }
}
