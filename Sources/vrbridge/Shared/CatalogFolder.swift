import Bridge
import CommandSupport
import Devices
import Foundation

/// Reads the device descriptions; errors of single files go to standard error.
///
/// - Parameter folder: nil for the configured folder.
func catalog(_ folder: String?) throws -> DeviceCatalog {
  let path = try catalogFolder(folder)
  do {
    let (catalog, faults) = try DeviceCatalog.load(folder: path)
    for fault in faults { Terminal.complain("\(fault)") }
    return catalog
  } catch {
    throw CommandError(
      "descriptions-unreadable",
      "the device descriptions in \(path) can't be read; name their folder with --descriptions")
  }
}

/// Returns the folder of device descriptions: the given one, else the configured one.
func catalogFolder(_ folder: String?) throws -> String {
  if let folder { return folder }
  var settings = Configuration()
  try settings.apply(environment: ProcessInfo.processInfo.environment)
  return settings.descriptions.value
}
