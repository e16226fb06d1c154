import Compression
import Foundation
import Sensing
import Spatial

/// The configuration stored in Valve Lighthouse devices: factory calibration and geometry as zlib-compressed
/// JSON, read in chunks over feature reports 0x10 (length, big-endian) and 0x11 (data).
public struct LighthouseConfiguration: Sendable {
  public var serial: String
  public var deviceClass: String
  public var model: String
  public var vendor: UInt16?
  public var product: UInt16?
  /// corrected = scale · reading − bias in the device's own axes; m/s².
  public var accelerometer: AffineCorrection
  /// rad/s.
  public var gyroscope: AffineCorrection
  /// Where the inertial unit sits in the device (head or hand), the unit's own axes; nil where the maker does not say.
  public var deviceFromUnit: Pose?
  /// The light sensors, in the frame of the head or hand; none where the configuration has none that can be right.
  public var sensors: [OpticalSensor] = []

  static let maximumCompressed = 1 << 16
  static let maximumInflated = 1 << 20

  /// Reads the blob from the device. A Watchman dongle answers only while its peer is on.
  static func read(from device: any FeatureAccess) throws -> [UInt8] {
    let header = try device.getFeature(id: 0x10, length: 64)
    guard header.count >= 3, header[0] == 0x10 else {
      throw ConfigurationError("the device answers feature 0x10 with something else")
    }
    let length = Int(header[1]) << 8 | Int(header[2])
    guard length > 0 else { throw ConfigurationError("the device holds no configuration") }
    var blob: [UInt8] = []
    // Some devices send two bytes more than announced, so the end is the empty chunk.
    while blob.count <= maximumCompressed {
      let chunk = try device.getFeature(id: 0x11, length: 64)
      guard chunk.count >= 2, chunk[0] == 0x11 else {
        throw ConfigurationError("the device answers feature 0x11 with something else")
      }
      let count = Int(chunk[1])
      guard count > 0 else { break }
      guard count <= chunk.count - 2 else {
        throw ConfigurationError("a chunk announces \(count) bytes and holds \(chunk.count - 2)")
      }
      blob += chunk[2..<(2 + count)]
    }
    guard blob.count >= length else {
      throw ConfigurationError("\(length) bytes were announced and \(blob.count) came")
    }
    return blob
  }

  /// From the blob as the device sends it, or from the JSON text inside it.
  public init(blob: [UInt8]) throws {
    let json = blob.first == UInt8(ascii: "{") ? blob : try inflateZlib(blob, limit: Self.maximumInflated)
    // The deepest document that a real device holds is 4 levels; JSONSerialization refuses beyond 512.
    guard let root = try? JSONSerialization.jsonObject(with: Data(json)) as? [String: Any] else {
      throw ConfigurationError("the configuration is not a JSON object")
    }
    // Devices of 2016 hold the values at top level, later ones under "imu".
    let imu = root["imu"] as? [String: Any] ?? root
    serial = root["device_serial_number"] as? String ?? ""
    deviceClass = root["device_class"] as? String ?? ""
    model = root["model_number"] as? String ?? root["model_name"] as? String ?? ""
    vendor = (root["device_vid"] as? Int).flatMap { UInt16(exactly: $0) }
    product = (root["device_pid"] as? Int).flatMap { UInt16(exactly: $0) }
    accelerometer = try Self.correction(imu, "acc", maximumOffset: 20)
    gyroscope = try Self.correction(imu, "gyro", maximumOffset: 2)
    let deviceFromSensors = (Self.pose(root["trackref_from_head"]) ?? Self.frame(root["head"]))?.inverse
    sensors = Self.sensors(root["lighthouse_config"], deviceFromSensors ?? .identity)
    if let head = Self.pose(root["trackref_from_head"]), let unit = Self.pose(root["trackref_from_imu"]) {
      deviceFromUnit = head.inverse * unit
    } else if let unit = Self.frame(root["imu"]) {
      // Later devices give each frame by two of its axes and its place, in the frame of the sensors; without a frame of
      // the head that of the sensors stands for the device (SteamVR Tracking HDK, "JSON file").
      deviceFromUnit = (Self.frame(root["head"]) ?? .identity).inverse * unit
    }
  }

  /// Points and normals stand in the frame of the sensors; the map tells on which channel each of them is.
  private static func sensors(_ value: Any?, _ deviceFromSensors: Pose) -> [OpticalSensor] {
    guard let object = value as? [String: Any], let points = object["modelPoints"] as? [Any],
      let normals = object["modelNormals"] as? [Any], points.count == normals.count, points.count <= 64
    else { return [] }
    let channels = (object["channelMap"] as? [Any])?.compactMap { ($0 as? NSNumber)?.intValue }
    guard channels == nil || channels?.count == points.count else { return [] }
    var sensors: [OpticalSensor] = []
    for index in points.indices {
      let channel = channels?[index] ?? index
      guard (0..<64).contains(channel), let point = vector(points[index]),
        let normal = vector(normals[index]),
        point.length < 0.5, abs(normal.length - 1) < 0.05
      else { return [] }
      sensors.append(
        OpticalSensor(
          sensor: UInt16(channel), position: deviceFromSensors.transform(point),
          normal: deviceFromSensors.orientation.rotate(normal / normal.length)))
    }
    return sensors
  }

  private static func correction(
    _ object: [String: Any], _ name: String, maximumOffset: Double
  ) throws -> AffineCorrection {
    guard let scale = vector(object[name + "_scale"]), let bias = vector(object[name + "_bias"]) else {
      throw ConfigurationError("'\(name)_scale' or '\(name)_bias' is not three numbers")
    }
    // A damaged blob must not turn into a pose: no maker ships a sensor that is off by this much.
    guard scale.isBetween(0.7, 1.4), bias.length < maximumOffset else {
      throw ConfigurationError("'\(name)_scale' or '\(name)_bias' holds values that no sensor has")
    }
    return AffineCorrection(matrix: .diagonal(scale), offset: bias)
  }

  /// Seven numbers: quaternion (x, y, z, w) and place in metres. Checked on the 2016 headset, where this order and
  /// no other gives the axes that gravity shows.
  private static func pose(_ value: Any?) -> Pose? {
    guard let list = value as? [Any], list.count == 7 else { return nil }
    let n = list.compactMap { ($0 as? NSNumber)?.doubleValue }
    guard n.count == 7 else { return nil }
    let rotation = Quaternion(x: n[0], y: n[1], z: n[2], w: n[3])
    let place = Vector3(n[4], n[5], n[6])
    let length = (rotation.components * rotation.components).sum()
    // No headset is half a metre wide.
    guard abs(length - 1) < 0.01, place.isFinite, place.length < 0.5 else { return nil }
    return Pose(position: place, orientation: rotation.normalized)
  }

  /// `plus_x`, `plus_z` and `position` of a frame.
  private static func frame(_ value: Any?) -> Pose? {
    guard let object = value as? [String: Any], let x = vector(object["plus_x"]),
      let z = vector(object["plus_z"]), abs(x.length - 1) < 0.01, abs(z.length - 1) < 0.01,
      abs(x.dot(z)) < 0.01
    else { return nil }
    let place = vector(object["position"]) ?? .zero
    guard place.length < 0.5, let rotation = Matrix3(x, z.cross(x), z).transposed.rotation else { return nil }
    return Pose(position: place, orientation: rotation)
  }

  private static func vector(_ value: Any?) -> Vector3? {
    guard let list = value as? [Any], list.count == 3 else { return nil }
    let numbers = list.compactMap { ($0 as? NSNumber)?.doubleValue }
    guard numbers.count == 3 else { return nil }
    let vector = Vector3(numbers[0], numbers[1], numbers[2])
    return vector.isFinite ? vector : nil
  }

  /// For samples turned into OpenXR axes.
  func calibration(axes: AxisTurn) -> InertialCalibration {
    var pose = Pose.identity
    if let deviceFromUnit, let unitFromSample = axes.matrix.transposed.rotation {
      pose = deviceFromUnit * Pose(orientation: unitFromSample)
    }
    return InertialCalibration(
      gyroscope: gyroscope.turned(by: axes.matrix), accelerometer: accelerometer.turned(by: axes.matrix),
      deviceFromUnit: pose, source: .factory)
  }
}
