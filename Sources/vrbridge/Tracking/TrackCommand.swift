import ArgumentParser
import CommandSupport
import Foundation
import Imaging
import InertialTables
import Spatial
import Tracking

struct TrackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "track",
    abstract: "Compute orientations from a table of IMU samples.",
    discussion: discussion(
      """
      IN.csv has a header and the columns t_s, gx_rad_s, gy_rad_s, gz_rad_s, ax_m_s2, ay_m_s2, az_m_s2 and, with a \
      magnetometer, mx_uT, my_uT, mz_uT, in any order; other units are written in the names (gx_deg_s, ax_g, t_ms). \
      OUT.csv holds t_s, qx, qy, qz, qw (sensor to world: Y up and, with magnetometer, -Z magnetic north), the \
      gyroscope bias, rest, and whether the magnetic field was used.
      """,
      examples: "vrbridge track in.csv --out out.csv --plot out.png"))

  @Argument(help: ArgumentHelp("Table of samples to read.", valueName: "in.csv"), completion: .file())
  var input: String

  @Option(help: ArgumentHelp("Write orientations to this file.", valueName: "out.csv"), completion: .file())
  var out: String

  @Flag(name: .customLong("no-mag"), help: "Ignore the magnetometer.")
  var withoutMagnetometer = false

  @Flag(help: "Use the whole recording for each pose: a smoother instead of a filter.")
  var offline = false

  @Option(
    help: ArgumentHelp(
      "Read settings of the filter from this YAML file (default: built in).", valueName: "file"),
    completion: .file())
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Plot orientation, bias and rest over time to this PNG file (default: none).", valueName: "out.png"),
    completion: .file())
  var plot: String?

  func run() async throws {
    let settings = try EstimatorSettings(file: config)
    if offline, settings.orientationSettings == nil {
      throw ValidationError(
        "--offline has no smoother for the estimator '\(settings.estimator)'; omit one of both")
    }
    let table = try InertialTable(NumericTable.read(path: input))
    let track = OrientationTrack(
      table, settings: settings, magnetometer: !withoutMagnetometer, offline: offline)
    guard track.skipped < track.rows.count else {
      throw CommandError(
        "nothing-to-track",
        "\(input): no line has a later time and an angular rate; check columns and units")
    }
    do { try track.csv().write(toFile: out, atomically: true, encoding: .utf8) } catch {
      throw CommandError.unwritable(out, error)
    }
    if let plot { try LinePlot(track).write(to: plot) }
    let rest = track.rows.count(where: \.isAtRest)
    let learned: Vector3 = track.rows.last?.bias ?? .zero
    let bias = learned * (180 / .pi)
    var summary = "\(track.rows.count) poses"
    if track.skipped > 0 {
      summary += ", \(track.skipped) samples were repeated, out of order or without an angular rate"
    }
    summary += String(
      format: "; at rest %.0f %%; gyroscope bias at the end %.3f, %.3f, %.3f °/s",
      100 * Double(rest) / Double(max(1, track.rows.count)), bias.x, bias.y, bias.z)
    if table.hasField, !withoutMagnetometer {
      let valid = track.rows.count(where: \.isHeadingReferenced)
      summary += String(
        format: "; magnetometer used %.0f %%", 100 * Double(valid) / Double(max(1, track.rows.count)))
    }
    Terminal.complain(summary)
  }
}
