import Foundation
import Sensing
import StrictYAML
import TestSupport
import Testing

@testable import Devices

/// Own descriptions beside the shipped ones.
struct DescriptionFolderTests {
  private let folder: String

  init() throws {
    folder = try TestPaths.temporaryFolder()
    for name in ["shipped", "own", "named"] {
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(name)/devices", withIntermediateDirectories: true)
    }
  }

  private func write(_ name: String, _ family: String, title: String, in part: String) throws {
    let text = DescriptionTests.valid.replacing("family: test-device", with: "family: \(family)")
      .replacing("name: Test\n", with: "name: \(title)\n")
    try text.write(toFile: "\(folder)/\(part)/devices/\(name)", atomically: true, encoding: .utf8)
  }

  private var folders: DescriptionFolders {
    DescriptionFolders(
      shipped: folder + "/shipped/devices", own: folder + "/own/devices", named: folder + "/named/devices")
  }

  @Test func laterFoldersAddAndReplaceByFamily() throws {
    try write("a.yaml", "a", title: "Shipped A", in: "shipped")
    try write("b.yaml", "b", title: "Shipped B", in: "shipped")
    try write("c.yaml", "c", title: "Shipped C", in: "shipped")
    try write("mine.yaml", "a", title: "Own A", in: "own")
    try write("extra.yaml", "d", title: "Own D", in: "own")
    try write("b.yaml", "b", title: "Named B", in: "named")
    let (catalog, faults) = try folders.load()
    #expect(faults.isEmpty, "\(faults)")
    #expect(catalog.descriptions.map(\.name) == ["Named B", "Own D", "Own A", "Shipped C"])
    // All match the same device: the user's is used.
    let identity = InterfaceIdentity(bus: .usb, vendor: 0x1234, product: 0x5678)
    #expect(catalog.match(identity, descriptor: nil)?.description.name == "Named B")
    var without = folders
    without.named = nil
    #expect(try without.load().catalog.match(identity, descriptor: nil)?.description.name == "Own D")
  }

  @Test func aMissingOwnFolderIsNoErrorAndAMissingNamedOneIs() throws {
    try write("a.yaml", "a", title: "A", in: "shipped")
    var folders = DescriptionFolders(shipped: folder + "/shipped/devices", own: "/nonexistent/devices")
    #expect(try folders.load().faults.isEmpty)
    folders.named = "/nonexistent/devices"
    #expect(throws: (any Error).self) { try folders.load() }
  }

  @Test func aBrokenOwnFileLeavesTheShippedFamily() throws {
    try write("a.yaml", "a", title: "Shipped A", in: "shipped")
    try "family: [".write(toFile: folder + "/own/devices/a.yaml", atomically: true, encoding: .utf8)
    let (catalog, faults) = try folders.load()
    #expect(catalog.descriptions.map(\.name) == ["Shipped A"] && faults.count == 1, "\(faults)")
    #expect(faults.first?.file.contains("/own/devices/a.yaml") == true)
    // A file in the folder's place costs only the own descriptions.
    var broken = folders
    broken.own = folder + "/shipped/devices/a.yaml"
    let other = try broken.load()
    #expect(other.catalog.descriptions.count == 1 && other.faults.count == 1, "\(other.faults)")
    #expect(other.faults[0].description.contains("Not a directory"), "\(other.faults)")
  }

  @Test func oneFolderNamedTwiceIsReadOnce() throws {
    try write("a.yaml", "a", title: "A", in: "shipped")
    var folders = folders
    folders.named = folder + "/own/../shipped/devices/"
    let (catalog, faults) = try folders.load()
    #expect(catalog.descriptions.count == 1 && faults.isEmpty)
  }

  @Test func ownFolderFollowsTheUsersConfiguration() {
    #expect(
      DescriptionFolders.ownFolder(environment: ["XDG_CONFIG_HOME": "/c", "HOME": "/h"])
        == "/c/vrbridge/devices")
    #expect(DescriptionFolders.ownFolder(environment: ["HOME": "/h"]) == "/h/.config/vrbridge/devices")
    // The specification has relative paths ignored.
    #expect(
      DescriptionFolders.ownFolder(environment: ["XDG_CONFIG_HOME": "c", "HOME": "/h"])
        == "/h/.config/vrbridge/devices")
    #expect(DescriptionFolders.ownFolder(environment: [:]) == nil)
  }

  @Test func calibrationsOfModelsLieBesideEachFolder() throws {
    let store = CalibrationStore.standard(descriptions: folders.all, environment: ["VRBRIDGE_STATE": "/s"])
    #expect(
      store.models == ["named", "own", "shipped"].map { "\(folder)/\($0)/calibration" }, "\(store.models)")
  }
}
