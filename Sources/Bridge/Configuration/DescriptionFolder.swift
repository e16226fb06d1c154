import Foundation

/// The folder of the device descriptions that are installed with the program.
enum DescriptionFolder {
  /// `share/vrbridge/devices` beside the installed program, else the `devices` folder of the source tree that the
  /// program was built in, else the system's place.
  static func standard() -> String {
    let system = "/usr/share/vrbridge/devices"
    guard let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
      return system
    }
    var folder = URL(fileURLWithPath: program).deletingLastPathComponent()
    let installed = folder.deletingLastPathComponent().appendingPathComponent("share/vrbridge/devices").path
    if FileManager.default.fileExists(atPath: installed) { return installed }
    for _ in 0..<6 {
      let manifest = folder.appendingPathComponent("Package.swift").path
      let devices = folder.appendingPathComponent("devices").path
      if FileManager.default.fileExists(atPath: manifest), FileManager.default.fileExists(atPath: devices) {
        return devices
      }
      folder.deleteLastPathComponent()
    }
    return system
  }
}
