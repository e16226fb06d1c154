import Diagnostics
import Foundation
import Sensing

/// Calibrations on disk: those of units in the state folder, those of models beside the device descriptions.
public struct CalibrationStore: Sendable {
  /// `FAMILY/SERIAL.json`, with earlier versions as `FAMILY/SERIAL.N.json`.
  public var units: String
  /// Folders of `FAMILY.json`; the first that has a family's file is used.
  public var models: [String]

  public init(units: String, models: String...) {
    self.units = units
    self.models = models
  }

  /// Where a program's lasting state goes: what VRBRIDGE_STATE says, what the service manager gave, or the user's
  /// state folder (XDG Base Directory Specification); the system's for root.
  public static func stateFolder(environment: [String: String]) -> String {
    if let folder = environment["VRBRIDGE_STATE"], !folder.isEmpty { return folder }
    if let folder = environment["STATE_DIRECTORY"]?.split(separator: ":").first { return String(folder) }
    if let folder = environment["XDG_STATE_HOME"], folder.hasPrefix("/") { return folder + "/vrbridge" }
    guard let home = environment["HOME"], home.hasPrefix("/"), home != "/root" else {
      return "/var/lib/vrbridge"
    }
    return home + "/.local/state/vrbridge"
  }

  /// Calibrations of models are beside the folders of descriptions; those of later folders replace those of earlier ones.
  ///
  /// - Parameter descriptions: the folders of device descriptions in force, later ones last.
  public static func standard(descriptions: [String], environment: [String: String]) -> CalibrationStore {
    var store = CalibrationStore(units: stateFolder(environment: environment) + "/calibration")
    store.models = descriptions.reversed().map {
      URL(fileURLWithPath: $0).standardizedFileURL.deletingLastPathComponent().path + "/calibration"
    }
    return store
  }

  private func path(_ family: String, _ serial: String, version: Int? = nil) -> String {
    // A serial number comes from the device and must not name another folder.
    let allowed = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-_"))
    let name = String(serial.unicodeScalars.map { allowed.contains($0) ? Character($0) : "_" })
    return "\(units)/\(family)/\(name)" + (version.map { ".\($0)" } ?? "") + ".json"
  }

  /// The calibration of a unit that a person made, or nil.
  public func unit(family: String, serial: String) throws -> CalibrationFile? {
    guard !serial.isEmpty else { return nil }
    return try read(path(family, serial))
  }

  public func model(family: String) throws -> CalibrationFile? {
    for folder in models {
      if let file = try read("\(folder)/\(family).json") { return file }
    }
    return nil
  }

  private func read(_ path: String) throws -> CalibrationFile? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
      throw CalibrationFileError("\(path) can't be read (\(error.reason))")
    }
    return try CalibrationFile(json: [UInt8](data), file: path)
  }

  /// What is in force for a unit: a person's calibration, else the maker's, else the model's, else nominal.
  ///
  /// - Parameter opened: what the device itself gave.
  /// - Returns: the calibration, and what the user should know of files that could not be used.
  public func calibration(
    family: String, serial: String, opened: InertialCalibration
  ) -> (calibration: InertialCalibration, warning: String?) {
    do {
      if let unit = try unit(family: family, serial: serial) { return (unit.applied(to: opened), nil) }
      if opened.source == .nominal, let model = try model(family: family) {
        return (model.applied(to: opened), nil)
      }
    } catch { return (opened, "calibration not used: \(error.reason)") }
    return (opened, nil)
  }

  /// Keeps a new calibration; the one before stays beside it.
  ///
  /// - Returns: where it is.
  public func keep(_ file: CalibrationFile) throws -> String {
    guard let serial = file.serial, !serial.isEmpty else {
      throw CalibrationFileError(
        "the device has no serial number, so its calibration could not be found again")
    }
    let path = path(file.family, serial)
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      if let old = try? unit(family: file.family, serial: serial) {
        let kept = self.path(file.family, serial, version: old.version)
        try? FileManager.default.removeItem(atPath: kept)
        try FileManager.default.copyItem(atPath: path, toPath: kept)
      }
      // In one step: a bridge that reads meanwhile sees the old file or the new one.
      try Data(try file.json()).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw CalibrationFileError(
        "\(path) can't be written (\(error.cause(at: path))); set XDG_STATE_HOME to a folder of yours, or change the permissions"
      )
    }
    return path
  }
}
