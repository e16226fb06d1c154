import Sensing
import Spatial

extension Vrbridge_Session_Calibration {
  public init(_ calibration: InertialCalibration) {
    self.init()
    gyroscope = Vrbridge_Session_Affine(calibration.gyroscope)
    accelerometer = Vrbridge_Session_Affine(calibration.accelerometer)
    if let field = calibration.magnetometer { magnetometer = Vrbridge_Session_Affine(field) }
    gyroscopePerDegree = calibration.gyroscopePerDegree.list
    referenceTemperature = calibration.referenceTemperature
    let pose = calibration.deviceFromUnit
    deviceFromUnit = pose.position.list + (0..<4).map { pose.orientation.components[$0] }
    source = calibration.source.rawValue
  }

  /// The calibration; nil for invalid numbers.
  public var calibration: InertialCalibration? {
    guard let gyroscope = gyroscope.correction, let accelerometer = accelerometer.correction,
      let slope = Vector3(list: gyroscopePerDegree), deviceFromUnit.count == 7, referenceTemperature.isFinite,
      deviceFromUnit.allSatisfy(\.isFinite), let source = InertialCalibration.Source(rawValue: source)
    else { return nil }
    var field: AffineCorrection?
    if hasMagnetometer {
      guard let correction = magnetometer.correction else { return nil }
      field = correction
    }
    let unit = deviceFromUnit
    return InertialCalibration(
      gyroscope: gyroscope, accelerometer: accelerometer, magnetometer: field, gyroscopePerDegree: slope,
      referenceTemperature: referenceTemperature,
      deviceFromUnit: Pose(
        position: Vector3(unit[0], unit[1], unit[2]),
        orientation: Quaternion(SIMD4(unit[3], unit[4], unit[5], unit[6]))), source: source)
  }
}

extension Vrbridge_Session_Affine {
  init(_ correction: AffineCorrection) {
    self.init()
    matrix = correction.matrix.row0.list + correction.matrix.row1.list + correction.matrix.row2.list
    offset = correction.offset.list
  }

  var correction: AffineCorrection? {
    guard matrix.count == 9, matrix.allSatisfy(\.isFinite), let offset = Vector3(list: offset) else {
      return nil
    }
    return AffineCorrection(
      matrix: Matrix3(
        Vector3(matrix[0], matrix[1], matrix[2]), Vector3(matrix[3], matrix[4], matrix[5]),
        Vector3(matrix[6], matrix[7], matrix[8])), offset: offset)
  }
}

extension Vector3 {
  var list: [Double] { [x, y, z] }

  init?(list: [Double]) {
    guard list.count == 3, list.allSatisfy(\.isFinite) else { return nil }
    self.init(list[0], list[1], list[2])
  }
}

extension Vrbridge_Session_ControlChange {
  public init(control: Int, path: String, value: Float, at time: Int64) {
    self.init()
    timeNs = time
    self.control = UInt32(clamping: control)
    self.path = path
    self.value = value
  }
}
