import Cameras
import StrictYAML

/// One camera that shall be read.
public struct CameraSetting: Sendable, Equatable {
  /// `auto`, a node such as `/dev/video0`, or a part of its name.
  public var device = "auto"
  public var request = CameraRequest()
  /// Two pictures side by side.
  public var isStereo = false

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
    if let given = map["stereo"] {
      isStereo = try given.choice([("none", 0), ("side_by_side", 1)]) == 1
    }
  }

  /// As YAML, on one line.
  var text: String {
    var parts = ["device: \(quote(device))", "width: \(request.width)", "height: \(request.height)"]
    parts.append("rate: \(request.rate)")
    if request.formats.count == 1, let format = request.formats.first {
      parts.append("format: \(format.rawValue)")
    }
    if let exposure = request.exposure { parts.append("exposure_ms: \(exposure)") }
    if let gain = request.gain { parts.append("gain: \(gain)") }
    if isStereo { parts.append("stereo: side_by_side") }
    return "{ " + parts.joined(separator: ", ") + " }"
  }
}
