import Bridge
import CommandSupport
import Diagnostics
import Devices
import Foundation
import StrictYAML

/// Reads the device descriptions; errors of single files go to standard error.
///
/// - Parameter folder: nil for the configured folder.
func catalog(_ folder: String?) throws -> DeviceCatalog {
  let (catalog, faults) = try catalogAndFaults(folder)
  for fault in faults { Terminal.complain("\(fault)") }
  return catalog
}

/// Reads the device descriptions, and the errors of single files.
///
/// - Parameter folder: nil for the configured folder.
func catalogAndFaults(_ folder: String?) throws -> (catalog: DeviceCatalog, faults: [DocumentError]) {
  let path = try catalogFolder(folder)
  do { return try DeviceCatalog.load(folder: path) } catch {
    throw CommandError(
      "descriptions-unreadable",
      "the device descriptions can't be read: \(error.reason); name their folder with --descriptions")
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

/// Returns the folder of device descriptions: the given one, else the configured one.
func catalogFolder(_ folder: String?) throws -> String {
  if let folder { return folder }
  var settings = Configuration()
  try settings.apply(environment: ProcessInfo.processInfo.environment)
  return settings.descriptions.value
}
