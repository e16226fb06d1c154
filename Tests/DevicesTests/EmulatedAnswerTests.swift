import DeviceEmulation
import Foundation
import Sensing
import StrictYAML
import TestSupport
import Testing

@testable import Devices

/// What the kernel's own driver asks an emulated pad (Linux drivers/hid/hid-nintendo.c).
struct EmulatedAnswerTests {
  private func ask(_ device: EmulatedDevice, _ command: [UInt8]) -> [UInt8]? {
    device.responder.output(command)
    return device.responder.nextInput()
  }

  @Test func aPadSaysWhoItIsAndThatItHasDoneWhatItWasTold() throws {
    let description = try TestPaths.description("nintendo-pro-controller")
    let device = try EmulatedDevice(
      description, options: .init(part: "usb", serial: "7c:bb:8a:01:02:03"))
    // Handshake on the cable.
    #expect(try #require(ask(device, [0x80, 0x02])).prefix(2) == [0x81, 0x02])
    // Counter and rumble differ from question to question.
    func subcommand(_ bytes: [UInt8]) -> [UInt8] { [0x01, 0x0b, 0, 1, 0x40, 0x40, 0, 1, 0x40, 0x40] + bytes }
    let identity = try #require(ask(device, subcommand([0x02])))
    #expect(identity.count == 64 && identity[0] == 0x21 && identity[13] & 0x80 != 0 && identity[14] == 0x02)
    #expect(identity[17] == 0x03 && identity[19..<25] == [0x7c, 0xbb, 0x8a, 0x01, 0x02, 0x03])
    let lights = try #require(ask(device, subcommand([0x30, 0x01])))
    #expect(lights[0] == 0x21 && lights[14] == 0x30 && lights[13] & 0x80 != 0)
    // What the bridge asks is in the flash.
    let flash = try #require(
      ask(device, [0x01, 0x03, 0, 1, 0x40, 0x40, 0, 1, 0x40, 0x40, 0x10, 0x20, 0x60, 0, 0, 0x18]))
    #expect(flash[14..<20] == [0x10, 0x20, 0x60, 0, 0, 0x18] && flash[20..<22] == [0x64, 0x00])
    #expect(ask(device, [0x42]) == nil)
    // The kernel passes on what the descriptor declares, and nothing else.
    let declared = try #require(device.descriptor).reportIDs(.input)
    #expect(declared.isSuperset(of: [0x21, 0x30, 0x81]))
  }

  @Test func placesThatAreNotThereAreRefused() throws {
    let text = try String(
      contentsOfFile: TestPaths.descriptions + "/nintendo-pro-controller.yaml", encoding: .utf8)
    for (good, bad) in [
      ("echo: [[1, 1, 1]]", "echo: [[1, 64, 1]]"), ("address: 19", "address: 60"), ("0: 0x81", "64: 0x81"),
    ] {
      #expect(text.contains(good))
      #expect(throws: DocumentError.self, "\(bad)") {
        try DescriptionParser.parse(text: text.replacingOccurrences(of: good, with: bad), file: "v.yaml")
      }
    }
  }
}
