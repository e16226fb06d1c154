import ArgumentParser
import Evaluation
import Foundation
import Tracking

struct TrackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "track",
    abstract: "Compute orientations from a table of inertial samples.",
    discussion: """
      IN.csv has a header and the columns t_s, gx_rad_s, gy_rad_s, gz_rad_s, ax_m_s2, ay_m_s2, az_m_s2 and, with a \
      magnetometer, mx_uT, my_uT, mz_uT, in any order; other units are written in the names (gx_deg_s, ax_g, t_ms). \
      OUT.csv gets t_s, qx, qy, qz, qw (sensor to world: Y up and, with magnetometer, -Z magnetic north), the \
      gyroscope bias, rest, and whether the magnetometer is believed.
      """)

  @Argument(help: ArgumentHelp("Samples.", valueName: "in.csv"))
  var input: String

  @Option(help: ArgumentHelp("Where the orientations go.", valueName: "out.csv"))
  var out: String

  @Flag(name: .customLong("no-mag"), help: "Leave the magnetometer out.")
  var withoutMagnetometer = false

  @Flag(help: "Make use of all of the recording for each pose: a smoother instead of a filter.")
  var offline = false

  @Option(help: ArgumentHelp("Settings of the filter (YAML).", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("Also draw orientation, bias and rest over time.", valueName: "out.png"))
  var plot: String?

  func run() async throws {
    let settings = try trackingSettings(config)
    let table: InertialTable
    do { table = try InertialTable(NumericTable.read(path: input)) } catch let error as TableError {
      throw Failure(error.description)
    }
    let track = OrientationTrack(
      table, settings: settings, magnetometer: !withoutMagnetometer, offline: offline)
    do { try track.csv().write(toFile: out, atomically: true, encoding: .utf8) } catch {
      throw Failure("\(out) can't be written (\(error.localizedDescription))")
    }
    if let plot { try TrackPlot(track).write(to: plot) }
    let rest = track.rows.count(where: \.isAtRest)
    let bias = (track.rows.last?.bias ?? .zero) * 180 / .pi
    var summary = "\(track.rows.count) poses"
    if track.skipped > 0 {
      summary += ", \(track.skipped) samples came again, out of order or without a rate"
    }
    summary += String(
      format: "; at rest %.0f %%; gyroscope bias at the end %.3f, %.3f, %.3f °/s",
      100 * Double(rest) / Double(max(1, track.rows.count)), bias.x, bias.y, bias.z)
    if table.hasField, !withoutMagnetometer {
      let valid = track.rows.count(where: \.isHeadingReferenced)
      summary += String(
        format: "; magnetometer believed %.0f %%", 100 * Double(valid) / Double(max(1, track.rows.count)))
    }
    FileHandle.standardError.write(Data((summary + "\n").utf8))
  }
}

func trackingSettings(_ path: String?) throws -> OrientationSettings {
  guard let path else { return OrientationSettings() }
  let text: String
  do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
    throw Failure("\(path) can't be read (\(error.localizedDescription))")
  }
  do { return try OrientationSettings(yaml: text, file: path) } catch {
    throw Failure(String(describing: error))
  }
}
