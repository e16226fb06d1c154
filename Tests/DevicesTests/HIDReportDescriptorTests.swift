import Foundation
import TestSupport
import Testing

@testable import DeviceEmulation
@testable import Devices

struct HIDReportDescriptorTests {
  /// HTC Vive, 28de:2000 interface 0, as the device sends it.
  static let vive = bytes(
    "0600ff0901a101150026ff007508a1019533852009018102c0a101950285010901b102c0a101952185020901b102c0a101952e85030901b102c0a101950485040901b102c0a101950485070901b102c0a101953485050901b102c0a101950885080901b102c0a101953f85090901b102c0a1019501850c0901b102c0a101953f850109019102c0150026ff007508a101950285100901b102c0a101953f85110901b102c0c0"
  )

  @Test func reportsOfARealDescriptor() throws {
    let descriptor = try HIDReportDescriptor(Self.vive)
    #expect(descriptor.reportIDs(.input) == [0x20])
    #expect(descriptor.length(.input, 0x20) == 52)
    #expect(descriptor.reportIDs(.feature).contains(0x11))
    #expect(descriptor.length(.feature, 0x11) == 64)
    #expect(descriptor.applications == [0xff00_0001])
  }

  @Test func unnumberedReports() throws {
    let descriptor = try HIDReportDescriptor(
      bytes("0600ff0901a101150026ff007508954009018102750895400901910295400901b102c0"))
    #expect(descriptor.reportIDs(.input) == [0])
    #expect(descriptor.length(.input, 0) == 64)
  }

  @Test func usagesOfArraysComeFromTheCollectionAround() throws {
    let description = try TestPaths.description("android-head-tracker")
    let descriptor = try HIDReportDescriptor(EmulatedDescriptor.bytes(for: description.parts[0]))
    let state = try #require(descriptor.fields.first { $0.kind == .feature && $0.usage == 0x0020_0316 })
    #expect(state.bitOffset == 8 && state.bitSize == 1)
    let interval = try #require(descriptor.fields.first { $0.kind == .feature && $0.usage == 0x0020_030e })
    #expect(interval.bitOffset == 10 && interval.bitSize == 6)
    let rotation = try #require(descriptor.fields.first { $0.kind == .input && $0.usage == 0x0020_0544 })
    #expect(rotation.count == 3 && rotation.isSigned && rotation.bitSize == 16)
  }

  @Test func cutDescriptorsAreRefusedOrShorterButNeverTrap() {
    for length in 0..<Self.vive.count {
      _ = try? HIDReportDescriptor(Array(Self.vive.prefix(length)))
    }
    #expect(throws: HIDReportDescriptorError.truncatedItem(offset: 0)) {
      try HIDReportDescriptor([0x06, 0x00])
    }
    #expect(throws: HIDReportDescriptorError.unbalanced(offset: 0)) { try HIDReportDescriptor([0xc0]) }
    #expect(throws: HIDReportDescriptorError.unbalanced(offset: 0)) { try HIDReportDescriptor([0xb4]) }
  }

  @Test func hugeReportsAreRefused() {
    // Report count 65,535 of 4,096 bits.
    #expect(throws: HIDReportDescriptorError.tooLarge(offset: 6)) {
      try HIDReportDescriptor([0x96, 0xff, 0xff, 0x76, 0x00, 0x10, 0x81, 0x02])
    }
  }

  /// Descriptors read from real devices' USB traffic.
  @Test(.enabled(if: TestPaths.hasCorpus, "needs VRBRIDGE_CORPUS"))
  func everyDescriptorOfTheCorpusParses() throws {
    let folder = TestPaths.vive("descriptors")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
      $0.hasSuffix("report_descriptor.bin")
    }
    #expect(names.count >= 6)
    for name in names {
      let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
      let descriptor = try HIDReportDescriptor([UInt8](data))
      #expect(!descriptor.reportIDs(.input).isEmpty, "\(name)")
    }
    let oculus = (TestPaths.corpus ?? "") + "/captures/oculus/"
    for (name, id) in [("dk1_2833_0001", UInt8(0x01)), ("dk2_2833_0021", 0x0b)] {
      let data = try Data(contentsOf: URL(fileURLWithPath: oculus + name + "_hid_report_descriptor.bin"))
      let descriptor = try HIDReportDescriptor([UInt8](data))
      #expect(descriptor.length(.input, id) == (id == 1 ? 62 : 64))
    }
  }
}
