public import Settings
import Spatial
public import StrictYAML

/// A camera to read: an entry of `cameras:` in the configuration.
public struct CameraSetting: Sendable, Equatable {
  /// `auto`, a device node such as `/dev/video0`, or a part of the camera's name.
  public var device = "auto"
  public var request = CameraRequest()
  /// The image consists of a left and a right half.
  public var isStereo = false
  /// Intrinsics and pose on the head; nil for an uncalibrated camera.
  public var model: CameraModel?

  private static let intrinsicsKeys = [
    "focal", "center", "distortion", "fisheye", "position", "orientation",
  ]

  public init(device: String = "auto") { self.device = device }

  public init(_ value: YAMLValue) throws(DocumentError) { try apply(value) }

  /// Focal lengths and principal point in pixels for an image of `width` by `height`, distortion in OpenCV's order, and
  /// the camera's pose in the head's frame.
  fileprivate static func model(_ value: YAMLValue, _ request: CameraRequest) throws(DocumentError)
    -> CameraModel
  {
    let map = try value.mapping(keys: intrinsicsKeys)
    func numbers(_ value: YAMLValue, _ count: ClosedRange<Int>) throws(DocumentError) -> [Double] {
      var list: [Double] = []
      for item in try value.list(count: count) { list.append(try item.number(in: -1e6...1e6)) }
      return list
    }
    let focal = try numbers(map.required("focal"), 2...2)
    guard focal[0] > 0, focal[1] > 0 else { throw map.error("focal lengths must be greater than 0") }
    let center = try numbers(map.required("center"), 2...2)
    var model = CameraModel(
      width: request.width, height: request.height, focalX: focal[0], focalY: focal[1], centerX: center[0],
      centerY: center[1])
    if let given = map["distortion"] {
      let k = try numbers(given, 5...5)
      model.distortion = .radialTangential(k1: k[0], k2: k[1], p1: k[2], p2: k[3], k3: k[4])
    }
    if let given = map["fisheye"] {
      guard map["distortion"] == nil else {
        throw given.error("use either 'distortion' or 'fisheye'")
      }
      let k = try numbers(given, 4...4)
      model.distortion = .fisheye(k1: k[0], k2: k[1], k3: k[2], k4: k[3])
    }
    if let given = map["position"] {
      let p = try numbers(given, 3...3)
      model.headFromCamera.position = Vector3(p[0], p[1], p[2])
    }
    if let given = map["orientation"] {
      let q = try numbers(given, 4...4)
      let orientation = Quaternion(x: q[0], y: q[1], z: q[2], w: q[3])
      guard abs((orientation.components * orientation.components).sum() - 1) < 0.01 else {
        throw given.error("a quaternion x, y, z, w must have length 1")
      }
      model.headFromCamera.orientation = orientation.normalized
    }
    return model
  }
}

extension CameraSetting: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey("device", \.device, .text, "`auto`, a node, or a part of the camera's name"),
    SettingKey("width", \.request.width, .integer(16...16_384, "pixels"), "width of the image"),
    SettingKey("height", \.request.height, .integer(16...16_384, "pixels"), "height of the image"),
    SettingKey("rate", \.request.rate, .number(1...1000, "frames/s"), "frame rate"),
    SettingKey(
      "format",
      PixelFormat.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ") + ": format of the pixels",
      standard: "the first supported",
      parse: { (value, setting) throws(DocumentError) in
        setting.request.formats = [try ValueFormat<PixelFormat>.choice.parse(value)]
      },
      lines: {
        guard $0.request.formats.count == 1, let format = $0.request.formats.first else { return [] }
        return [ConfigurationLine("format", format.rawValue)]
      }),
    SettingKey(
      "exposure_ms", \.request.exposure, ValueFormat.number(0.01...10_000, "ms").optional, "exposure time",
      standard: "the camera's"),
    SettingKey(
      "gain", \.request.gain, ValueFormat.integer(0...1_000_000).optional,
      "gain in units of the camera's driver",
      standard: "the camera's"),
    SettingKey(
      "intrinsics",
      "calibration: `focal` [fx, fy] and `center` [cx, cy] in pixels; `distortion` [k1, k2, p1, p2, k3] or `fisheye` [k1, k2, k3, k4] in OpenCV's order; `position` [x, y, z] in metres and `orientation` [x, y, z, w] of the camera in the head's frame",
      standard: "65° field of view",
      parse: { (value, setting) throws(DocumentError) in
        setting.model = try model(value, setting.request)
      }, lines: { $0.model.map { [ConfigurationLine("intrinsics", text(of: $0))] } ?? [] }),
    SettingKey(
      "stereo", \.isStereo, .choice(of: [("none", false), ("side_by_side", true)]),
      "arrangement of the two images of a stereo camera"),
  ]

  /// Intrinsics as YAML on one line.
  private static func text(of model: CameraModel) -> String {
    var parts = ["focal: [\(model.focalX), \(model.focalY)]", "center: [\(model.centerX), \(model.centerY)]"]
    switch model.distortion {
    case .none: break
    case .radialTangential(let k1, let k2, let p1, let p2, let k3):
      parts.append("distortion: [\(k1), \(k2), \(p1), \(p2), \(k3)]")
    case .fisheye(let k1, let k2, let k3, let k4): parts.append("fisheye: [\(k1), \(k2), \(k3), \(k4)]")
    }
    let (p, q) = (model.headFromCamera.position, model.headFromCamera.orientation)
    parts.append("position: [\(p.x), \(p.y), \(p.z)]")
    parts.append("orientation: [\(q.x), \(q.y), \(q.z), \(q.w)]")
    return "{ \(parts.joined(separator: ", ")) }"
  }
}
