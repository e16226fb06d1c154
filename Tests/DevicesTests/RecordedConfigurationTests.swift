import Foundation
import Sensing
import TestSupport
import Testing

@testable import Devices

/// A configuration in a file beside a recording that lacks it.
struct RecordedConfigurationTests {
  private static let json = """
    {"device_class":"hmd","device_serial_number":"LHR-1","acc_bias":[0.1,0,0],"acc_scale":[1,1,1],\
    "gyro_bias":[0,0.01,0],"gyro_scale":[1,1,1]}
    """

  /// Editors put a byte order mark before the text.
  @Test(arguments: [[], [0xEF, 0xBB, 0xBF]] as [[UInt8]])
  func theTextMayBeginWithAByteOrderMark(_ mark: [UInt8]) throws {
    let folder = try TestPaths.temporaryFolder()
    try Data(mark + Array(Self.json.utf8)).write(to: URL(fileURLWithPath: folder + "/r.config.json"))
    let description = try TestPaths.description("htc-vive")
    let index = try #require(description.parts.firstIndex { $0.driver?.configuration != nil })
    let match = DeviceCatalog.Match(description: description, partIndex: index)
    let interface = HIDRecording.Interface(
      identity: InterfaceIdentity(bus: .usb, vendor: 0x28de, product: 0x2000, origin: .recorded))
    // Found beside the recording, and named.
    for named in [nil, folder + "/r.config.json"] {
      let responder = RecordedResponder(
        interface, match, file: folder + "/r.hid", configuration: named)
      #expect(responder.problem == nil && responder.note?.contains("LHR-1") == true, "\(responder)")
      let opened = try PartOpener.open(match, answering: responder.features, descriptor: nil)
      #expect(opened.configuredSerial == "LHR-1" && opened.calibration.source == .factory)
    }
  }
}
