import Diagnostics
import Foundation
import Spatial

/// One trial with optical truth in the layout of BROAD (Laidig, Caruso, Cereatti and Seel, Data 6(7), 2021):
/// `imu_gyr`, `imu_acc`, `imu_mag`, `opt_quat` (w, x, y, z; earth, Z up, from IMU), `opt_pos`, `movement`,
/// `sampling_rate`.
public struct OpticalTrial: Sendable {
  public var name: String
  /// Seconds.
  public var period: Double
  public var rate: [Vector3]
  public var force: [Vector3]
  public var field: [Vector3]
  /// Earth (X east, Y magnetic north, Z up) from IMU; nil without camera measurements.
  public var truth: [Quaternion?]
  /// Metres, earth axes.
  public var position: [Vector3?]
  public var isMoving: [Bool]

  public init(name: String, file: MATFile) throws(MATError) {
    func array(_ key: String, columns: Int) throws(MATError) -> MATFile.Array {
      guard let array = file.arrays[key] else { throw MATError(description: "\(name): no array '\(key)'") }
      guard array.columns == columns || array.rows * array.columns == 1 else {
        throw MATError(description: "\(name): '\(key)' has \(array.columns) columns, not \(columns)")
      }
      return array
    }
    let rates = try array("imu_gyr", columns: 3)
    let count = rates.rows
    func vectors(_ array: MATFile.Array, _ key: String) throws(MATError) -> [Vector3] {
      guard array.rows == count, array.columns >= 3 else {
        throw MATError(description: "\(name): '\(key)' has \(array.rows) rows, not \(count)")
      }
      return (0..<count).map { Vector3(array[$0, 0], array[$0, 1], array[$0, 2]) }
    }
    self.name = name
    rate = try vectors(rates, "imu_gyr")
    force = try vectors(try array("imu_acc", columns: 3), "imu_acc")
    field = try vectors(try array("imu_mag", columns: 3), "imu_mag")
    position = try vectors(try array("opt_pos", columns: 3), "opt_pos").map { $0.isFinite ? $0 : nil }
    let attitudes = try array("opt_quat", columns: 4)
    guard let moving = file.arrays["movement"], moving.values.count == count, attitudes.rows == count,
      let frequency = file.arrays["sampling_rate"]?.values.first, frequency > 1, frequency < 1e5, count > 100
    else {
      throw MATError(
        description: "\(name): 'movement', 'opt_quat' or 'sampling_rate' is missing or too short")
    }
    isMoving = moving.values.map { $0 > 0 }
    truth = (0..<count).map { row in
      let q = Quaternion(
        x: attitudes[row, 1], y: attitudes[row, 2], z: attitudes[row, 3], w: attitudes[row, 0])
      return q.isFinite ? q.normalized : nil
    }
    period = 1 / frequency
    guard isMoving.contains(true) else {
      throw MATError(description: "\(name): nothing is marked as movement")
    }
  }

  public static func read(folder: String) throws -> [OpticalTrial] {
    let files: [String]
    do { files = try FileManager.default.contentsOfDirectory(atPath: folder) } catch {
      throw MATError(description: "folder \(folder) can't be read (\(error.reason))")
    }
    let names = files.filter { $0.hasSuffix(".mat") }.sorted()
    guard !names.isEmpty else {
      throw MATError(
        description: "\(folder) holds no .mat file; BROAD is at https://github.com/dlaidig/broad")
    }
    return try names.map { name in
      let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
      return try OpticalTrial(
        name: String(name.dropLast(4)), file: MATFile(bytes: [UInt8](data)))
    }
  }

  public var firstMovement: Int { isMoving.firstIndex(of: true) ?? 0 }
}
