import ArgumentParser
import Bridge
import CommandSupport
import Devices
import Foundation
import Sensing
import Spatial
import Tracking

struct CalibrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Calibrate a device's gyroscope, accelerometer and magnetometer by hand.",
    discussion: discussion(
      """
      Lay the device down, or hold it against something firm, in twelve or more attitudes - on each side, then on \
      edges - for two seconds each, and turn it in between. No turntable is needed. DEVICE is a node, a serial \
      number or a family that is attached; a recording (FILE.hid or .hid.gz) of such a session; or emulated:FAMILY \
      to try the procedure. Stop the bridge first when it has the device open.
      """,
      examples: "vrbridge calibrate oculus-dk2", "vrbridge calibrate emulated:oculus-dk2 --dry-run"))

  @Argument(
    help: ArgumentHelp("Node, serial number or family; FILE.hid; emulated:FAMILY.", valueName: "device"),
    completion: .device)
  var device: String

  @Flag(help: "Print the result and keep the active calibration.")
  var dryRun = false

  @Option(help: "Seed the errors of an emulated IMU with this number.")
  var seed: UInt64 = 1

  @Option(help: .descriptions, completion: .directory)
  var descriptions: String?

  func run() async throws {
    let catalog = try catalog(descriptions)
    let source = try CalibrationSource.open(device, catalog: catalog, seed: seed)
    let store = CalibrationStore.standard(
      descriptions: try descriptionFolders(descriptions).all, environment: ProcessInfo.processInfo.environment
    )
    let family = source.match.description.family
    let (before, warning) = store.calibration(
      family: family, serial: source.serial, opened: source.opened.calibration)
    if let warning { Terminal.write("\(Terminal.field(warning))\n") }
    for warning in source.opened.warnings { Terminal.write("\(Terminal.field(warning))\n") }
    Terminal.write(
      "\(source.match.description.name) \(Terminal.field(source.serial)): active calibration is '\(before.source.rawValue)'\n"
    )

    var session = CalibrationSession()
    let isInteractive = Terminal.isInteractive
    var poses = 0
    try source.read(into: &session) { progress in
      if isInteractive {
        Terminal.write(Terminal.restartLine + Self.line(progress))
      } else if progress.distinctPoses != poses {
        Terminal.write(Self.line(progress) + "\n")
      }
      poses = progress.distinctPoses
    }
    if isInteractive { Terminal.write("\n") }
    let fit = try CalibrationFit(session, before: before)
    report(fit, before: before)
    if dryRun { return Terminal.write("not kept (--dry-run)\n") }
    let version = ((try? store.unit(family: family, serial: source.serial))??.version ?? 0) + 1
    let quality = fit.quality
    var residuals = CalibrationFile.Residuals(
      forceBefore: quality.forceBefore, forceAfter: quality.forceAfter,
      turnBefore: quality.turnBefore * 180 / .pi, turnAfter: quality.turnAfter * 180 / .pi,
      poses: quality.poses, temperatureSpan: quality.temperatureSpan)
    residuals.fieldBefore = quality.fieldBefore
    residuals.fieldAfter = quality.fieldAfter
    let file = CalibrationFile(
      family: family, serial: source.serial, version: version,
      date: ISO8601DateFormatter().string(from: Date()), calibration: fit.calibration,
      residuals: residuals)
    let path = try store.keep(file)
    Terminal.write("version \(version) kept in \(path); the bridge uses it when it next opens the device\n")
  }

  private static func line(_ progress: CalibrationSession.Progress) -> String {
    let count = "\(progress.distinctPoses) of \(CalibrationSession.wantedPoses) poses"
    if progress.isComplete { return count + ", all sides: enough" }
    let bar = String(repeating: "#", count: Int(progress.stillShare * 10))
    let now =
      progress.isStill
      ? "hold still [\(Terminal.pad(bar, 10))]" : "lay it another way and keep it still"
    let missing =
      progress.missing.isEmpty ? "" : "; not yet up: " + progress.missing.joined(separator: " ")
    return count + missing + "; " + now
  }

  private func report(_ fit: CalibrationFit, before: InertialCalibration) {
    let quality = fit.quality
    let degrees = 180 / Double.pi
    func line(_ name: String, _ old: Double, _ new: Double, _ unit: String) {
      Terminal.write(
        Terminal.pad(name, 34) + String(format: "%10.5f → %.5f ", old, new) + unit + "\n")
    }
    Terminal.write("residuals before → after, \(quality.poses) rests:\n")
    line("  resting force against gravity", quality.forceBefore, quality.forceAfter, "m/s²")
    line("  turn from rest to rest", quality.turnBefore * degrees, quality.turnAfter * degrees, "°")
    if let old = quality.fieldBefore, let new = quality.fieldAfter {
      line("  strength of the field", old * 100, new * 100, "%")
    }
    if quality.temperatureSpan > 3 {
      let slope = fit.calibration.gyroscopePerDegree * degrees
      Terminal.write(
        String(
          format: "  bias over %.1f °C: %.4f, %.4f, %.4f °/s per °C\n", quality.temperatureSpan, slope.x,
          slope.y,
          slope.z))
    }
    let bias =
      (fit.calibration.gyroscope.matrix.inverse.map { $0 * fit.calibration.gyroscope.offset } ?? .zero)
      * degrees
    Terminal.write(String(format: "  gyroscope bias %.3f, %.3f, %.3f °/s\n", bias.x, bias.y, bias.z))
  }
}
