import Foundation
import Sensing
import TestSupport
import Testing

@testable import Devices

/// The rows of the driver table are complete.
struct DriverTableTests {
  @Test func namesAreUniqueAndValidInTheSchema() {
    let names = DriverTable.drivers.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(names.allSatisfy { $0.wholeMatch(of: #/[a-z0-9_]+/#) != nil })
  }

  @Test func theReferenceListsEveryDriver() throws {
    let page = try String(
      contentsOfFile: TestPaths.root + "/docs/reference/description-format.md", encoding: .utf8)
    let row = try #require(page.split(separator: "\n").first { $0.hasPrefix("| `driver` |") })
    let names = row.matches(of: #/`([a-z0-9_]+)`/#).dropFirst().map { String($0.output.1) }
    #expect(names == DriverTable.drivers.map(\.name))
  }

  @Test(arguments: DriverTable.drivers.indices)
  func virtualReportsComeWithASplitterAndItsInverse(_ row: Int) {
    let driver = DriverTable.drivers[row]
    #expect(driver.virtualReports.isEmpty == (driver.makeSplitter == nil))
    #expect(driver.virtualReports.isEmpty == (driver.emulation.join == nil))
    #expect(driver.virtualReports.isEmpty == driver.emulation.inputs.isEmpty)
    #expect(Set(driver.virtualReports).count == driver.virtualReports.count)
    #expect(driver.makeSplitter != nil || driver.configuration != nil, "the driver does nothing")
  }

  /// What an emulated device stores is read back through its feature reports.
  @Test(arguments: DriverTable.drivers.indices)
  func theEmulatedConfigurationIsReadBack(_ row: Int) throws {
    let driver = DriverTable.drivers[row]
    guard let reader = driver.configuration else { return }
    let stored = reader.emulated(serial: "SERIAL-1")
    let responder = try reader.responder(stored, others: NoFeatures())
    #expect(driver.emulation.features.contains { $0.id == reader.dataFeature })
    let read = try reader.configuration(
      reader.read(from: AnsweredFeatureAccess(responder)), axes: .identity)
    let expected = try reader.configuration(stored, axes: .identity)
    #expect(read.serial == "SERIAL-1" && read.calibration == expected.calibration)
    #expect(read.calibration.source == .factory)
  }
}
