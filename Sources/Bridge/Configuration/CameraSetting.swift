import Cameras
import Spatial
import StrictYAML

/// One camera that shall be read.
public struct CameraSetting: Sendable, Equatable {
  /// `auto`, a node such as `/dev/video0`, or a part of its name.
  public var device = "auto"
  public var request = CameraRequest()
  /// Two pictures side by side.
  public var isStereo = false
  /// Lens and place on the head; nil when nobody measured them.
  public var model: CameraModel?

  /// - Parameter device: as in the property.
  public init(device: String) { self.device = device }

  init(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: Configuration.keys["camera"] ?? [])
    if let given = map["device"] { device = try given.string() }
    if let given = map["width"] { request.width = try given.integer(in: 16...16_384) }
    if let given = map["height"] { request.height = try given.integer(in: 16...16_384) }
    if let given = map["rate"] { request.rate = try given.number(in: 1...1000) }
    if let given = map["format"] {
      request.formats = [try given.choice(PixelFormat.allCases.map { ($0.rawValue, $0) })]
    }
    if let given = map["exposure_ms"] { request.exposure = try given.number(in: 0.01...10_000) }
    if let given = map["gain"] { request.gain = try given.integer(in: 0...1_000_000) }
    if let given = map["intrinsics"] { model = try Self.model(given, request) }
    if let given = map["stereo"] {
      isStereo = try given.choice([("none", 0), ("side_by_side", 1)]) == 1
    }
  }

  /// Focal lengths and principal point in pixels of a picture of `width` by `height`, distortion in OpenCV's order, and
  /// the camera's pose in the head's frame.
  private static func model(_ value: YAMLValue, _ request: CameraRequest) throws(DocumentError) -> CameraModel
  {
    let map = try value.mapping(keys: Configuration.keys["intrinsics"] ?? [])
    func numbers(_ value: YAMLValue, _ count: ClosedRange<Int>) throws(DocumentError) -> [Double] {
      var list: [Double] = []
      for item in try value.list(count: count) { list.append(try item.number(in: -1e6...1e6)) }
      return list
    }
    let focal = try numbers(map.required("focal"), 2...2)
    guard focal[0] > 0, focal[1] > 0 else { throw map.error("focal lengths are greater than 0") }
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
        throw given.error("a lens has 'distortion' or 'fisheye', not both")
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
        throw given.error("a quaternion x, y, z, w has the length 1")
      }
      model.headFromCamera.orientation = orientation.normalized
    }
    return model
  }

  /// As YAML, on one line.
  var text: String {
    var parts = ["device: \(quotedYAML(device))", "width: \(request.width)", "height: \(request.height)"]
    parts.append("rate: \(request.rate)")
    if request.formats.count == 1, let format = request.formats.first {
      parts.append("format: \(format.rawValue)")
    }
    if let exposure = request.exposure { parts.append("exposure_ms: \(exposure)") }
    if let gain = request.gain { parts.append("gain: \(gain)") }
    if let model {
      var lens = [
        "focal: [\(model.focalX), \(model.focalY)]", "center: [\(model.centerX), \(model.centerY)]",
      ]
      switch model.distortion {
      case .none: break
      case .radialTangential(let k1, let k2, let p1, let p2, let k3):
        lens.append("distortion: [\(k1), \(k2), \(p1), \(p2), \(k3)]")
      case .fisheye(let k1, let k2, let k3, let k4): lens.append("fisheye: [\(k1), \(k2), \(k3), \(k4)]")
      }
      let (p, q) = (model.headFromCamera.position, model.headFromCamera.orientation)
      lens.append("position: [\(p.x), \(p.y), \(p.z)]")
      lens.append("orientation: [\(q.x), \(q.y), \(q.z), \(q.w)]")
      parts.append("intrinsics: { \(lens.joined(separator: ", ")) }")
    }
    if isStereo { parts.append("stereo: side_by_side") }
    return "{ " + parts.joined(separator: ", ") + " }"
  }
}
