import Diagnostics
import Foundation
import InertialTables
import Sensing
import SessionLog
import Spatial
import StrictYAML

/// Reading of the layout: tables with the position of a cell that is wrong, settings in any style of YAML.
extension EuRoCFolder {
  public func samples() throws -> [Sample] {
    try rows(path("imu0", "data.csv"), needed: 7, used: 7).map { row in
      Sample(
        time: row.time, rate: Vector3(row[0], row[1], row[2]), force: Vector3(row[3], row[4], row[5]))
    }
  }

  public var hasStates: Bool {
    FileManager.default.fileExists(atPath: path("state_groundtruth_estimate0", "data.csv"))
  }

  /// Reads the reference states; without columns of the velocity it is zero.
  public func states() throws -> [State] {
    try rows(path("state_groundtruth_estimate0", "data.csv"), needed: 8, used: 11).map { row in
      State(
        time: row.time,
        pose: Pose(
          position: Vector3(row[0], row[1], row[2]),
          orientation: Quaternion(x: row[4], y: row[5], z: row[6], w: row[3])),
        velocity: row.count >= 10 ? Vector3(row[7], row[8], row[9]) : .zero)
    }
  }

  /// The number of cameras; their indices begin at 0.
  public var cameraCount: Int {
    var count = 0
    while FileManager.default.fileExists(atPath: path("cam\(count)", "data.csv")) { count += 1 }
    return count
  }

  public func frames(camera: Int) throws -> [Frame] {
    let file = path("cam\(camera)", "data.csv")
    var frames: [Frame] = []
    try forEachLine(file) { line in
      guard line.cells.count >= 2, let time = Int64(line.cells[0]), time >= 0, time < 1 << 62,
        !line.cells[1].isEmpty, !line.cells[1].contains("/"), line.cells[1] != ".."
      else { throw EuRoCError(.malformed, "\(file):\(line.number): a line is not 'time,file'") }
      frames.append(Frame(time: time, name: line.cells[1]))
    }
    return frames
  }

  /// Reads the file of a frame; returns nil when it is missing or can't be read.
  public func data(of frame: Frame, camera: Int) -> Data? {
    FileManager.default.contents(atPath: path("cam\(camera)", "data", frame.name))
  }

  // MARK: tables

  private struct Row {
    var time: Int64
    var values: [Double]
    var count: Int { values.count }
    subscript(index: Int) -> Double { values[index] }
  }

  /// - Parameters:
  ///   - needed: columns that every line has, that of the time included.
  ///   - used: columns that hold finite numbers where a line has them.
  private func rows(_ file: String, needed: Int, used: Int) throws -> [Row] {
    var last = Int64.min
    var rows: [Row] = []
    try forEachLine(file) { line in
      guard line.cells.count >= needed, let time = Int64(line.cells[0]) else {
        throw EuRoCError(
          .malformed, "\(file):\(line.number): \(needed) columns are needed, the first a time in ns")
      }
      guard time > last, time >= 0, time < 1 << 62 else {
        throw EuRoCError(
          .malformed, "\(file):\(line.number): the time \(time) is not after the previous line's")
      }
      last = time
      var values: [Double] = []
      for index in 1..<min(used, line.cells.count) {
        guard let value = Double(line.cells[index]), value.isFinite else {
          let cell =
            line.cells[index].isEmpty
            ? "the cell is empty" : "'\(line.cells[index].prefix(40))' is no finite number"
          throw EuRoCError(
            .malformed,
            "\(file):\(line.number):\(line.columns[index]): column \(index + 1): \(cell); remove the line, or complete it"
          )
        }
        values.append(value)
      }
      rows.append(Row(time: time, values: values))
    }
    return rows
  }

  /// Visits the lines that are no comments. The first comment names the columns.
  private func forEachLine(_ file: String, _ body: (DelimitedText.Line) throws -> Void) throws {
    do {
      let text = try DelimitedText(bytes: readBytes(file), file: file)
      try text.forEachLine { line in
        guard line.cells[0].hasPrefix("#") else { return try body(line) }
        for (cell, column) in zip(line.cells, line.columns) where cell.hasPrefix("w_") {
          guard !cell.contains("deg"), !cell.contains("°") else {
            throw EuRoCError(
              .malformed,
              "\(file):\(line.number):\(column): '\(cell)': the format has angular rates in rad/s; convert them"
            )
          }
        }
      }
    } catch let error as TableError {
      throw EuRoCError(
        error.problem.hasPrefix("can't be read") ? .unreadable : .malformed,
        "\(error)"
          + (error.problem.hasPrefix("can't be read")
            ? "; name a EuRoC folder, which holds mav0/imu0/data.csv" : ""))
    }
  }

  // MARK: settings

  /// Reads the pose of the IMU on the device; returns nil without `sensor.yaml`, or when it has no `T_BS`.
  ///
  /// - Throws: `EuRoCError` for a file that can't be read, and for a `T_BS` that is no pose.
  public func deviceFromIMU() throws -> Pose? { try settings(path("imu0", "sensor.yaml"))?.pose() }

  /// Reads a camera's intrinsics and extrinsics; returns nil without them, and for other models of projection and
  /// distortion.
  ///
  /// - Throws: `EuRoCError` for a file that can't be read, and for numbers that no camera has.
  public func model(camera: Int) throws -> CameraModel? {
    guard let settings = try settings(path("cam\(camera)", "sensor.yaml")),
      let distortion = try settings.text("distortion_model"),
      ["equidistant", "radial-tangential"].contains(distortion),
      try settings.text("camera_model") ?? "pinhole" == "pinhole",
      let size = try settings.numbers("resolution", count: 2...2, in: 1...65_536),
      let k = try settings.numbers("intrinsics", count: 4...4),
      let d = try settings.numbers("distortion_coefficients", count: 4...5)
    else { return nil }
    guard k[0] > 0, k[1] > 0 else {
      throw EuRoCError(.malformed, "\(settings.file): 'intrinsics' holds a focal length that is not positive")
    }
    var model = CameraModel(
      width: Int(size[0]), height: Int(size[1]), focalX: k[0], focalY: k[1], centerX: k[2], centerY: k[3])
    if distortion == "equidistant" {
      model.distortion = .fisheye(k1: d[0], k2: d[1], k3: d[2], k4: d[3])
    } else if d.contains(where: { $0 != 0 }) {
      model.distortion = .radialTangential(k1: d[0], k2: d[1], p1: d[2], p2: d[3], k3: d.count > 4 ? d[4] : 0)
    }
    if let pose = try settings.pose() { model.headFromCamera = pose * CameraMessages.opticalFrame.inverse }
    return model
  }

  private func settings(_ file: String) throws -> EuRoCSettings? {
    guard FileManager.default.fileExists(atPath: file) else { return nil }
    do {
      return try EuRoCSettings(bytes: readBytes(file), file: file)
    } catch let error as EuRoCError {
      throw error
    } catch {
      throw EuRoCError(.malformed, error.reason)
    }
  }
}

/// The values of a `sensor.yaml` that are read; others are left alone.
private struct EuRoCSettings {
  let file: String
  private let values: [String: YAMLValue]

  init(bytes: [UInt8], file: String) throws {
    self.file = file
    guard var text = String(validating: bytes, as: UTF8.self) else {
      throw EuRoCError(.malformed, "\(file): the text is not UTF-8; save it as UTF-8")
    }
    // OpenCV writes a first line that is no directive of YAML.
    if text.hasPrefix("%YAML:") { text = "#" + text }
    let pairs = try YAMLDocument(text: text, file: file).root.pairs()
    values = Dictionary(
      try pairs.map { (try $0.key.string(), $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  private func malformed<Value>(_ body: () throws(DocumentError) -> Value) throws(EuRoCError) -> Value {
    do throws(DocumentError) { return try body() } catch { throw EuRoCError(.malformed, "\(error)") }
  }

  func text(_ key: String) throws(EuRoCError) -> String? {
    guard let value = values[key] else { return nil }
    return try malformed { () throws(DocumentError) in try value.string() }
  }

  func numbers(
    _ key: String, count: ClosedRange<Int>, in range: ClosedRange<Double> = -1e300...1e300
  ) throws(EuRoCError) -> [Double]? {
    guard let value = values[key] else { return nil }
    return try malformed { () throws(DocumentError) in try Self.flat(value, count: count, in: range) }
  }

  /// Returns the numbers of a list, or of a list of rows.
  private static func flat(
    _ value: YAMLValue, count: ClosedRange<Int>, in range: ClosedRange<Double> = -1e300...1e300
  ) throws(DocumentError) -> [Double] {
    var numbers: [Double] = []
    for item in try value.list() {
      if item.isScalar {
        numbers.append(try item.number(in: range))
      } else {
        for cell in try item.list() { numbers.append(try cell.number(in: range)) }
      }
    }
    guard count.contains(numbers.count) else {
      throw value.error(
        "\(numbers.count) numbers", allowed: "\(count.lowerBound) to \(count.upperBound) numbers")
    }
    return numbers
  }

  /// `T_BS`, body from sensor: 16 numbers row by row, as a list or in `data` of a mapping.
  func pose() throws(EuRoCError) -> Pose? {
    guard let matrix = values["T_BS"] else { return nil }
    let n = try malformed { () throws(DocumentError) -> [Double] in
      guard matrix.isMapping else { return try Self.flat(matrix, count: 16...16) }
      for (key, value) in try matrix.pairs() {
        if try key.string() == "data" { return try Self.flat(value, count: 16...16) }
      }
      throw matrix.error("the key 'data' is missing")
    }
    guard
      let turn = Matrix3(Vector3(n[0], n[1], n[2]), Vector3(n[4], n[5], n[6]), Vector3(n[8], n[9], n[10]))
        .rotation
    else {
      throw EuRoCError(
        .malformed, "\(file):\(matrix.line): 'T_BS' holds no rotation in its first three columns")
    }
    return Pose(position: Vector3(n[3], n[7], n[11]), orientation: turn)
  }
}
