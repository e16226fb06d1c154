import Devices
import Foundation
import Logging
import Sensing
import SessionLog
import SessionTools
import Spatial
import TestSupport
import Testing

/// Recordings whose reports are right become sessions; others are refused.
struct SessionImportTests {
  private static let log = Logger(label: "test")
  private static let start = Timestamp(nanoseconds: 1_000_000_000)

  /// A recording of one interface of a DualShock 4 by Bluetooth whose reports have a wrong checksum.
  private static func dualShock() -> HIDRecording {
    var identity = InterfaceIdentity(bus: .bluetooth, vendor: 0x054c, product: 0x09cc, origin: .recorded)
    identity.serial = "T-1"
    var recording = HIDRecording(file: "x.hid")
    recording.interfaces = [HIDRecording.Interface(identity: identity)]
    for index in 0..<20 {
      let report: [UInt8] = [0x11, 0xc0, 0] + [UInt8](repeating: UInt8(index), count: 75)
      let from = recording.bytes.count
      recording.bytes += report
      recording.events.append(
        HIDRecording.Event(
          interface: 0, offset: Int64(index) * 4_000_000, range: from..<recording.bytes.count))
    }
    return recording
  }

  @Test func reportsThatAllFailToDecodeAreAnError() throws {
    let path = try TestPaths.temporaryFolder() + "/a.mcap"
    let importer = try SessionImporter(output: path, source: "test", log: Self.log)
    let unknown = try importer.add(
      Self.dualShock(), catalog: TestPaths.catalog(), configuration: nil, at: Self.start)
    #expect(unknown.isEmpty && importer.reports == 20)
    do {
      try importer.finish()
      Issue.record("no error")
    } catch let error as ImportError {
      #expect(error.cause == .undecoded && error.description.contains("Sony DualShock 4"), "\(error)")
    }
    importer.discard()
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  /// The light of a headset was recorded without its IMU.
  @Test func anOpticalPartAloneIsImported() throws {
    let description = try TestPaths.description("htc-vive")
    let index = try #require(description.parts.firstIndex { !$0.reportsMotion && !$0.reports.isEmpty })
    let rule = try #require(description.parts[index].match.first)
    let report = try #require(description.parts[index].reports.first)
    var identity = InterfaceIdentity(
      bus: .usb, vendor: rule.vendor ?? 0, product: rule.product ?? 0, origin: .recorded)
    identity.interfaceNumber = rule.interfaceNumber
    var recording = HIDRecording(file: "x.hid")
    recording.interfaces = [HIDRecording.Interface(identity: identity)]
    recording.bytes = [UInt8](repeating: 0, count: report.length)
    if case .numbered(let id) = report.identifier { recording.bytes[0] = id }
    recording.events = [HIDRecording.Event(interface: 0, offset: 0, range: 0..<report.length)]
    let path = try TestPaths.temporaryFolder() + "/a.mcap"
    let importer = try SessionImporter(output: path, source: "test", log: Self.log)
    let unknown = try importer.add(
      recording, catalog: TestPaths.catalog(), configuration: nil, at: Self.start)
    try importer.finish()
    #expect(unknown.isEmpty && importer.reports == 1)
    #expect(try SessionSummary(path: path).devices.map(\.family) == ["htc-vive"])
  }

  @Test func aConfigurationFileThatCannotBeUsedIsAnError() throws {
    let folder = try TestPaths.temporaryFolder()
    try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/c.json"))
    let description = try TestPaths.description("htc-vive")
    let rule = try #require(description.parts.first { $0.reportsMotion }?.match.first)
    var identity = InterfaceIdentity(
      bus: .usb, vendor: rule.vendor ?? 0, product: rule.product ?? 0, origin: .recorded)
    identity.interfaceNumber = rule.interfaceNumber
    var recording = HIDRecording(file: folder + "/x.hid")
    recording.interfaces = [HIDRecording.Interface(identity: identity)]
    let importer = try SessionImporter(output: folder + "/a.mcap", source: "test", log: Self.log)
    #expect(throws: ImportError.self) {
      try importer.add(
        recording, catalog: TestPaths.catalog(), configuration: folder + "/c.json", at: Self.start)
    }
    importer.discard()
  }
}
