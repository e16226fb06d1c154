import Foundation
import Spatial
import Tracking

/// Orientations that an estimator computes for a recording, one for each row.
public struct OrientationTrack: Sendable {
  public struct Row: Sendable {
    public var time: Double
    public var worldFromUnit: Quaternion
    public var bias: Vector3
    public var isAtRest: Bool
    public var isHeadingReferenced: Bool
    /// rad, one standard deviation; NaN with `offline`.
    public var inclinationUncertainty = Double.nan
  }
  public var rows: [Row] = []
  /// Rows that were repeated, out of order, or without an angular rate.
  public var skipped = 0

  /// Runs an orientation estimator over a recording.
  ///
  /// - Parameters:
  ///   - settings: the estimator and its settings.
  ///   - magnetometer: whether the estimator gets the magnetic field of a recording that has one.
  ///   - offline: whether a smoother uses the whole recording for each pose. It smooths the error-state Kalman filter,
  ///     with its standard settings where `settings` names another estimator.
  public init(
    _ table: InertialTable, settings: EstimatorSettings = EstimatorSettings(), magnetometer: Bool = true,
    offline: Bool = false
  ) {
    // The first sample has no predecessor; the median period stands in.
    let steps = zip(table.rows, table.rows.dropFirst()).map { $1.time - $0.time }.filter { $0 > 0 }.sorted()
    let period = steps.isEmpty ? 0.01 : steps[steps.count / 2]
    var last = (table.rows.first?.time ?? 0) - period
    var samples: [OfflineSmoother.Sample] = []
    samples.reserveCapacity(table.rows.count)
    for row in table.rows {
      let isUsable = row.rate.isFinite && row.time > last
      samples.append(
        .init(
          step: isUsable ? row.time - last : 0, rate: isUsable ? row.rate : .zero, force: row.force,
          field: magnetometer ? row.field : nil))
      if isUsable { last = row.time } else { skipped += 1 }
    }
    rows.reserveCapacity(samples.count)
    if offline {
      let settings = settings.orientationSettings ?? OrientationSettings()
      for (row, result) in zip(table.rows, OfflineSmoother.smooth(samples, settings: settings)) {
        rows.append(
          Row(
            time: row.time, worldFromUnit: result.worldFromDevice, bias: result.bias,
            isAtRest: result.isAtRest,
            isHeadingReferenced: result.isHeadingReferenced))
      }
      return
    }
    var estimator = settings.makeEstimator()
    for (row, sample) in zip(table.rows, samples) {
      estimator.update(rate: sample.rate, force: sample.force, field: sample.field, step: sample.step)
      let estimate = estimator.estimate
      rows.append(
        Row(
          time: row.time, worldFromUnit: estimate.worldFromDevice, bias: estimate.bias,
          isAtRest: estimate.isAtRest, isHeadingReferenced: estimate.isHeadingReferenced,
          inclinationUncertainty: estimate.inclinationUncertainty))
    }
  }

  /// Returns the rows as CSV with the columns `t_s, qx, qy, qz, qw` (world, Y up, from unit), bias in rad/s, rest and validity of the magnetometer.
  public func csv() -> String {
    var text = "t_s,qx,qy,qz,qw,bias_x_rad_s,bias_y_rad_s,bias_z_rad_s,rest,mag_valid\n"
    text.reserveCapacity(rows.count * 160)
    for row in rows {
      let q = row.worldFromUnit
      let b = row.bias
      text +=
        "\(row.time),\(q.x),\(q.y),\(q.z),\(q.w),\(b.x),\(b.y),\(b.z),\(row.isAtRest ? 1 : 0),\(row.isHeadingReferenced ? 1 : 0)\n"
    }
    return text
  }
}
