import Bridge
import CommandSupport
import Diagnostics
import Devices
import Foundation
import StrictYAML

/// Reads the device descriptions; errors of single files go to standard error.
///
/// - Parameter folder: a folder beside the standard ones; nil for that of the environment.
func catalog(_ folder: String?) throws -> DeviceCatalog {
  let (catalog, faults) = try catalogAndFaults(folder)
  for fault in faults { Terminal.complain("\(fault)") }
  return catalog
}

/// Reads the device descriptions, and the errors of single files.
///
/// - Parameter folder: a folder beside the standard ones; nil for that of the environment.
func catalogAndFaults(_ folder: String?) throws -> (catalog: DeviceCatalog, faults: [DocumentError]) {
  let folders = try descriptionFolders(folder)
  do { return try folders.load() } catch {
    throw CommandError(
      "descriptions-unreadable",
      "the device descriptions can't be read: \(error.reason); correct --descriptions or VRBRIDGE_DEVICES")
  }
}

/// Uses all device descriptions for an output that is wrong when one of them is missing.
///
/// - Throws: `CommandError` after the output when a file could not be read.
func withWholeCatalog(_ folder: String?, _ body: (DeviceCatalog) throws -> Void) throws {
  let (catalog, faults) = try catalogAndFaults(folder)
  try body(catalog)
  guard !faults.isEmpty else { return }
  for fault in faults { Terminal.complain("\(fault)") }
  throw CommandError(
    "descriptions-invalid", "\(faults.count) device descriptions are left out: correct or remove their files")
}

/// Returns the folders of device descriptions, with the given one, else that of the environment.
func descriptionFolders(_ folder: String?) throws -> DescriptionFolders {
  var settings = Configuration()
  try settings.apply(environment: ProcessInfo.processInfo.environment)
  if let folder { settings.descriptions = Setting(folder, from: "--descriptions") }
  return settings.descriptionFolders
}
