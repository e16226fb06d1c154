import Foundation
import Spatial

/// A recording of one IMU: time, angular rates, specific forces and, if measured, the magnetic field.
///
/// Columns `t, gx, gy, gz, ax, ay, az` (and `mx, my, mz`) in any order, each with its unit in the name:
/// `t_s, gx_rad_s, ax_m_s2, mx_uT` or `t [ms], gx [°/s], ax [g], mx [gauss]`. Other columns are ignored.
public struct InertialTable: Sendable {
  public struct Row: Sendable {
    /// Seconds.
    public var time: Double
    /// rad/s.
    public var rate: Vector3
    /// m/s²; nil where the cell is empty or no number.
    public var force: Vector3?
    /// µT.
    public var field: Vector3?

    public init(time: Double, rate: Vector3, force: Vector3?, field: Vector3? = nil) {
      self.time = time
      self.rate = rate
      self.force = force
      self.field = field
    }
  }
  public var rows: [Row]
  public var hasField: Bool

  public init(rows: [Row]) {
    self.rows = rows
    hasField = rows.contains { $0.field != nil }
  }

  private static let units: [Character: [String: Double]] = [
    "t": ["": 1, "s": 1, "sec": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9],
    "g": ["": 1, "rads": 1, "degs": .pi / 180, "dps": .pi / 180, "°s": .pi / 180],
    "a": ["": 1, "ms2": 1, "ms²": 1, "g": standardGravity, "mg": standardGravity / 1000],
    "m": ["": 1, "ut": 1, "µt": 1, "μt": 1, "nt": 1e-3, "t": 1e6, "gauss": 100, "mgauss": 0.1],
  ]

  public init(_ table: NumericTable) throws(TableError) {
    var found: [String: (column: Int, factor: Double)] = [:]
    let wanted = ["t", "gx", "gy", "gz", "ax", "ay", "az", "mx", "my", "mz"]
    for (index, name) in table.columns.enumerated() {
      let parts = name.lowercased().split(
        maxSplits: 1, whereSeparator: { $0 == "_" || $0 == " " || $0 == "[" || $0 == "(" })
      guard let base = parts.first.map(String.init), wanted.contains(base), let kind = base.first else {
        continue
      }
      let unit = (parts.count > 1 ? String(parts[1]) : "").filter { $0.isLetter || $0.isNumber || $0 == "°" }
      guard let factor = Self.units[kind]?[unit] else {
        let known = Self.units[kind, default: [:]].keys.filter { !$0.isEmpty }.sorted().joined(
          separator: ", ")
        throw TableError(
          file: table.file, line: 1, problem: "column '\(name)': unit '\(unit)' is not known; known: \(known)"
        )
      }
      guard found[base] == nil else {
        throw TableError(file: table.file, line: 1, problem: "'\(base)' is there twice")
      }
      found[base] = (index, factor)
    }
    let missing = wanted.prefix(7).filter { found[$0] == nil }
    guard missing.isEmpty else {
      throw TableError(
        file: table.file, line: 1,
        problem: "no column \(missing.joined(separator: ", ")); needed are t, gx, gy, gz, ax, ay, az")
    }
    let magnetic = ["mx", "my", "mz"].filter { found[$0] != nil }
    guard magnetic.isEmpty || magnetic.count == 3 else {
      throw TableError(
        file: table.file, line: 1,
        problem: "of the magnetometer only \(magnetic.joined(separator: ", ")) is there")
    }
    func vector(_ x: String, _ y: String, _ z: String, _ row: Int) -> Vector3? {
      guard let x = found[x], let y = found[y], let z = found[z] else { return nil }
      let v = Vector3(
        table.values[x.column][row] * x.factor, table.values[y.column][row] * y.factor,
        table.values[z.column][row] * z.factor)
      return v.isFinite ? v : nil
    }
    rows = []
    rows.reserveCapacity(table.rowCount)
    for row in 0..<table.rowCount {
      guard let time = found["t"] else { break }
      let t = table.values[time.column][row] * time.factor
      guard t.isFinite else {
        throw TableError(file: table.file, line: row + 2, problem: "the time is no number")
      }
      rows.append(
        Row(
          // Without a rate the row is a lost sample.
          time: t, rate: vector("gx", "gy", "gz", row) ?? Vector3(repeating: .nan),
          force: vector("ax", "ay", "az", row), field: vector("mx", "my", "mz", row)))
    }
    guard rows.count > 1 else {
      throw TableError(file: table.file, line: 0, problem: "fewer than two samples")
    }
    hasField = magnetic.count == 3
  }
}
