import Foundation
import InertialTables
import Spatial
import Tracking

/// Measures orientation errors on trials with optical truth, unchanged and with the defects of real devices added.
public struct TrackingBenchmark: Sendable {
  public enum Condition: String, CaseIterable, Sendable {
    case published
    case delayRemoved = "delay_removed"
    case biasOfFour = "bias_3_-2.5_2"
    case biasOfEight = "bias_5_4_-4.4"
    case startedInMotion = "started_in_motion"
    case lost = "lost_1_percent"
    case doubled = "doubled_5_percent"
    case jittered = "jittered_5_percent"

    public var title: String {
      switch self {
      case .published: "as published"
      case .delayRemoved: "camera delay removed (0.75 samples)"
      case .biasOfFour: "gyroscope bias (3, -2.5, 2) deg/s added"
      case .biasOfEight: "gyroscope bias (5, 4, -4.4) deg/s added"
      case .startedInMotion: "started in motion"
      case .lost: "1 % of the samples lost"
      case .doubled: "5 % of the samples twice"
      case .jittered: "5 % of the time stamps off by up to half a period"
      }
    }

    var bias: Vector3 {
      switch self {
      case .biasOfFour: Vector3(3, -2.5, 2) * .pi / 180
      case .biasOfEight: Vector3(5, 4, -4.4) * .pi / 180
      default: .zero
      }
    }

    var lag: Double { self == .delayRemoved ? 0.75 : 0 }
  }

  public struct Score: Sendable {
    public var trial: String
    public var withField: OrientationScore
    public var withoutField: OrientationScore
  }

  /// Computes orientations from a recording.
  public enum Method: Sendable {
    case filter
    case smoother
    /// A program that reads `{in}` and writes `{out}` as `vrbridge track` does; `{mag}` becomes `--no-mag` or nothing.
    case command(String)
  }

  public var trials: [OpticalTrial]
  public var settings: EstimatorSettings

  public init(trials: [OpticalTrial], settings: EstimatorSettings = EstimatorSettings()) {
    self.trials = trials
    self.settings = settings
  }

  public func scores(_ method: Method, _ condition: Condition) throws -> [Score] {
    try trials.enumerated().map { index, trial in
      let start = condition == .startedInMotion ? max(0, trial.firstMovement - Int(0.1 / trial.period)) : 0
      let table = recording(trial, condition, from: start, seed: UInt64(index))
      func score(magnetometer: Bool) throws -> OrientationScore {
        let track = try self.track(table, method, magnetometer: magnetometer)
        let poses = Self.resampled(track, count: trial.rate.count - start, period: trial.period)
        return OrientationScore(
          poses, of: trial, from: start, lag: condition.lag, isHeadingFree: !magnetometer)
      }
      return Score(
        trial: trial.name, withField: try score(magnetometer: true),
        withoutField: try score(magnetometer: false))
    }
  }

  /// Returns, for each sample, the newest pose that is not later.
  private static func resampled(_ track: [(time: Double, pose: Quaternion)], count: Int, period: Double)
    -> [Quaternion]
  {
    var result: [Quaternion] = []
    result.reserveCapacity(count)
    var place = 0
    for index in 0..<count {
      let time = Double(index) * period + 0.5 * period
      while place + 1 < track.count, track[place + 1].time <= time { place += 1 }
      result.append(track.isEmpty ? .identity : track[place].pose)
    }
    return result
  }

  /// Returns the samples of the trial for the filter; times start at zero.
  func recording(_ trial: OpticalTrial, _ condition: Condition, from start: Int, seed: UInt64)
    -> InertialTable
  {
    var random = SeededRandom(seed: 0x5eed + seed)
    var rows: [InertialTable.Row] = []
    rows.reserveCapacity(trial.rate.count - start)
    for index in start..<trial.rate.count {
      var time = Double(index - start) * trial.period
      if condition == .lost, random.uniform() < 0.01 { continue }
      if condition == .jittered, random.uniform() < 0.05 {
        time += (random.uniform() - 0.5) * 0.98 * trial.period
      }
      let row = InertialTable.Row(
        time: time, rate: trial.rate[index] + condition.bias, force: trial.force[index],
        field: trial.field[index])
      rows.append(row)
      if condition == .doubled, random.uniform() < 0.05 { rows.append(row) }
    }
    return InertialTable(rows: rows)
  }

  private func track(
    _ table: InertialTable, _ method: Method, magnetometer: Bool
  ) throws -> [(time: Double, pose: Quaternion)] {
    switch method {
    case .filter, .smoother:
      var offline = false
      if case .smoother = method { offline = true }
      return OrientationTrack(table, settings: settings, magnetometer: magnetometer, offline: offline).rows
        .map { ($0.time, $0.worldFromUnit) }
    case .command(let command):
      return try ExternalTracker(command: command).track(table, magnetometer: magnetometer)
    }
  }
}

/// Runs another program's filter by its command line.
struct ExternalTracker {
  var command: String

  func track(_ table: InertialTable, magnetometer: Bool) throws -> [(time: Double, pose: Quaternion)] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "vrbridge-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let input = folder.appendingPathComponent("in.csv")
    let output = folder.appendingPathComponent("out.csv")
    var text = "t_s,gx_rad_s,gy_rad_s,gz_rad_s,ax_m_s2,ay_m_s2,az_m_s2,mx_uT,my_uT,mz_uT\n"
    for row in table.rows {
      let f = row.force ?? .zero
      let m = row.field ?? .zero
      text +=
        "\(row.time),\(row.rate.x),\(row.rate.y),\(row.rate.z),\(f.x),\(f.y),\(f.z),\(m.x),\(m.y),\(m.z)\n"
    }
    try text.write(to: input, atomically: false, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    let line = command.replacingOccurrences(of: "{in}", with: "'\(input.path)'")
      .replacingOccurrences(of: "{out}", with: "'\(output.path)'")
      .replacingOccurrences(of: "{mag}", with: magnetometer ? "" : "--no-mag")
    process.arguments = ["-c", line]
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw MATError(description: "the command of --peer failed (\(process.terminationStatus)): \(line)")
    }
    let poses = try NumericTable.read(path: output.path)
    let columns = try ["t_s", "qx", "qy", "qz", "qw"].map { name -> [Double] in
      guard let index = poses.columns.firstIndex(of: name) else {
        throw MATError(description: "the output of --peer has no column '\(name)'")
      }
      return poses.values[index]
    }
    return columns[0].indices.map {
      (
        columns[0][$0],
        Quaternion(x: columns[1][$0], y: columns[2][$0], z: columns[3][$0], w: columns[4][$0]).normalized
      )
    }
  }
}
