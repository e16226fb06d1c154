import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices

/// Families whose interface brings several devices, or more than inertial samples.
struct SharedInterfaceTests {
  private func decode(_ family: String, _ part: String, _ report: [UInt8]) throws -> SampleBatch {
    let description = try TestPaths.description(family)
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
      let description = try TestPaths.description(family)
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
      let controls = try TestPaths.description(family).controls
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
    let controls = try TestPaths.description("razer-hydra-left").controls
    func value(_ path: String) throws -> Float {
      batch.controlValue(try #require(controls.firstIndex { $0.path == path }))
    }
    #expect(try value("/input/shoulder/click") == 1 && value("/input/thumbstick/click") == 1)
    #expect(try value("/input/thumbstick/x") > 0.99 && value("/input/thumbstick/y") < -0.99)
    #expect(try value("/input/trigger/value") == 1)
    #expect(try decode("razer-hydra-right", "motion", report).orientation?.position == .zero)
  }

  @Test func aSharedInterfaceIsForAllOfItsDevices() throws {
    let catalog = try TestPaths.catalog()
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
