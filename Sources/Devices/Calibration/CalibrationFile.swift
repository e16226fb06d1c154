import Foundation
import Sensing
import Spatial

/// A calibration as it stands in a file (`calibration/calibration.schema.json`): of one unit, or of a model.
public struct CalibrationFile: Codable, Sendable, Equatable {
  public struct Affine: Codable, Sendable, Equatable {
    /// Rows; corrected = matrix · reading − offset.
    public var matrix: [[Double]]
    public var offset: [Double]
  }

  public struct Residuals: Codable, Sendable, Equatable {
    /// m/s².
    public var forceBefore: Double
    public var forceAfter: Double
    /// Degrees.
    public var turnBefore: Double
    public var turnAfter: Double
    /// Relative.
    public var fieldBefore: Double?
    public var fieldAfter: Double?
    public var poses: Int
    /// °C.
    public var temperatureSpan: Double

    /// Residuals without a magnetometer: `fieldBefore` and `fieldAfter` are nil.
    public init(
      forceBefore: Double, forceAfter: Double, turnBefore: Double, turnAfter: Double, poses: Int,
      temperatureSpan: Double
    ) {
      self.forceBefore = forceBefore
      self.forceAfter = forceAfter
      self.turnBefore = turnBefore
      self.turnAfter = turnAfter
      self.poses = poses
      self.temperatureSpan = temperatureSpan
    }

    enum CodingKeys: String, CodingKey {
      case forceBefore = "force_before_m_s2"
      case forceAfter = "force_after_m_s2"
      case turnBefore = "turn_before_deg"
      case turnAfter = "turn_after_deg"
      case fieldBefore = "field_before"
      case fieldAfter = "field_after"
      case poses
      case temperatureSpan = "temperature_span_c"
    }
  }

  public var format = "vrbridge-calibration/1"
  public var family: String
  /// Missing in the default of a model.
  public var serial: String?
  /// Counts up with each calibration of the unit.
  public var version: Int
  /// ISO 8601.
  public var date: String
  /// Where the numbers come from, in words.
  public var source: String
  public var gyroscope: Affine?
  public var accelerometer: Affine?
  public var magnetometer: Affine?
  /// rad/s per °C, three axes.
  public var gyroscopePerDegree: [Double]?
  public var referenceTemperature: Double?
  public var residuals: Residuals?

  enum CodingKeys: String, CodingKey {
    case format, family, serial, version, date, source, gyroscope, accelerometer, magnetometer, residuals
    case gyroscopePerDegree = "gyroscope_per_degree"
    case referenceTemperature = "reference_temperature_c"
  }

  public init(
    family: String, serial: String, version: Int, date: String, calibration: InertialCalibration,
    residuals: Residuals
  ) {
    self.family = family
    self.serial = serial
    self.version = version
    self.date = date
    source = "vrbridge calibrate"
    gyroscope = Affine(calibration.gyroscope)
    accelerometer = Affine(calibration.accelerometer)
    magnetometer = calibration.magnetometer.map(Affine.init)
    gyroscopePerDegree = calibration.gyroscopePerDegree.list
    referenceTemperature = calibration.referenceTemperature
    self.residuals = residuals
  }

  /// What is in force for a unit, wherever it came from, for a session's log.
  public init(inForce calibration: InertialCalibration, family: String, serial: String) {
    self.family = family
    self.serial = serial.isEmpty ? nil : serial
    version = 0
    date = ""
    source = calibration.source.rawValue
    gyroscope = Affine(calibration.gyroscope)
    accelerometer = Affine(calibration.accelerometer)
    magnetometer = calibration.magnetometer.map(Affine.init)
    gyroscopePerDegree = calibration.gyroscopePerDegree.list
    referenceTemperature = calibration.referenceTemperature
  }

  public init(json: [UInt8], file: String) throws {
    do { self = try JSONDecoder().decode(CalibrationFile.self, from: Data(json)) } catch {
      throw CalibrationFileError("\(file): not a calibration file (\(Self.reason(error)))")
    }
    guard format == "vrbridge-calibration/1" else {
      throw CalibrationFileError(
        "\(file): format '\(format.prefix(60))' is not known; known: vrbridge-calibration/1")
    }
    // A damaged file must not turn into a pose.
    try checkTemperature(file)
    for (name, affine, limit) in [
      ("gyroscope", gyroscope, 3.0), ("accelerometer", accelerometer, 20.0),
      ("magnetometer", magnetometer, 1e4),
    ] {
      guard let affine else { continue }
      guard let correction = affine.correction else {
        throw CalibrationFileError(
          "\(file): '\(name)' needs a matrix of three rows of three numbers and three offsets")
      }
      let size = name == "magnetometer" ? correction.matrix.trace / 3 : 1
      let m = correction.matrix * (1 / size)
      let diagonal = Vector3(m.row0.x, m.row1.y, m.row2.z)
      let others = [m.row0.y, m.row0.z, m.row1.x, m.row1.z, m.row2.x, m.row2.y]
      guard size > 0, diagonal.isBetween(0.5, 2), others.allSatisfy({ abs($0) < 0.5 }),
        correction.offset.length < limit
      else {
        throw CalibrationFileError("\(file): '\(name)' holds values that no sensor has")
      }
    }
  }

  /// Bounds of the drift with temperature.
  private func checkTemperature(_ file: String) throws(CalibrationFileError) {
    if let gyroscopePerDegree {
      guard gyroscopePerDegree.count == 3, gyroscopePerDegree.allSatisfy({ $0.isFinite && abs($0) < 0.1 })
      else {
        throw CalibrationFileError(
          "\(file): 'gyroscope_per_degree' is not three numbers below 0.1 rad/s per °C")
      }
    }
    if let temperature = referenceTemperature {
      guard temperature.isFinite, (-60...150).contains(temperature) else {
        throw CalibrationFileError("\(file): 'reference_temperature_c' is not -60 to 150 °C")
      }
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "'\(key.stringValue)' is missing"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has another type"
    default: "it is not JSON"
    }
  }

  public func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return [UInt8](try encoder.encode(self)) + [UInt8(ascii: "\n")]
  }

  /// Lays what the file says over another calibration.
  public func applied(to calibration: InertialCalibration) -> InertialCalibration {
    var result = calibration
    if let correction = gyroscope?.correction { result.gyroscope = correction }
    if let correction = accelerometer?.correction { result.accelerometer = correction }
    if let correction = magnetometer?.correction { result.magnetometer = correction }
    if let slope = gyroscopePerDegree.flatMap(Vector3.init(list:)) { result.gyroscopePerDegree = slope }
    if let temperature = referenceTemperature { result.referenceTemperature = temperature }
    result.source = serial == nil ? .model : .user
    return result
  }
}

/// Why a calibration could not be read or kept.
public struct CalibrationFileError: Error, Sendable, CustomStringConvertible {
  public var description: String
  init(_ description: String) { self.description = description }
}

extension CalibrationFile.Affine {
  init(_ correction: AffineCorrection) {
    matrix = [correction.matrix.row0.list, correction.matrix.row1.list, correction.matrix.row2.list]
    offset = correction.offset.list
  }

  var correction: AffineCorrection? {
    guard matrix.count == 3, let offset = Vector3(list: offset), let a = Vector3(list: matrix[0]),
      let b = Vector3(list: matrix[1]), let c = Vector3(list: matrix[2])
    else { return nil }
    let correction = AffineCorrection(matrix: Matrix3(a, b, c), offset: offset)
    return correction.isFinite ? correction : nil
  }
}

extension Vector3 {
  fileprivate var list: [Double] { [x, y, z] }

  fileprivate init?(list: [Double]) {
    guard list.count == 3 else { return nil }
    self.init(list[0], list[1], list[2])
    guard isFinite else { return nil }
  }
}
