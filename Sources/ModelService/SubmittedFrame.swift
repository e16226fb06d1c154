public import Admission
import Cameras
public import Imaging

/// A frame that a program with its own camera sends.
public struct SubmittedFrame: Sendable {
  /// A JPEG, or uncompressed pixels.
  public var bytes: [UInt8]
  /// Of uncompressed pixels; nil for a JPEG.
  public var layout: PixelLayout?
  public var camera: String
  /// CLOCK_MONOTONIC, nanoseconds; nil for the time of arrival.
  public var captured: Int64?
  /// World from head: x y z in metres, then the quaternion x y z w; nil for the tracked head's.
  public var pose: [Double]?
  /// Focal lengths and principal point, in pixels; nil for the default field of view.
  public var intrinsics: [Double]?
  public var client: Principal

  /// Reads the parameters of a frame and checks the bytes against them.
  ///
  /// - Parameters:
  ///   - client: the sender.
  ///   - parameter: returns a parameter of the request's query; nil for one that is not given.
  package init(
    _ bytes: [UInt8], of client: Principal = .unknown, parameter: (String) -> String?
  ) throws(FrameError) {
    func numbers(_ key: String, _ count: Int, _ meaning: String) throws(FrameError) -> [Double]? {
      guard let text = parameter(key) else { return nil }
      let list = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) ?? .nan }
      guard list.count == count, list.allSatisfy(\.isFinite) else {
        throw FrameError(.invalid, "\(key) takes \(meaning), separated by commas")
      }
      return list
    }
    layout = try Self.layout(parameter: parameter)
    pose = try numbers("pose", 7, "seven numbers (x,y,z,qx,qy,qz,qw)")
    intrinsics = try numbers("intrinsics", 4, "four numbers (fx,fy,cx,cy)")
    camera = parameter("camera") ?? "client"
    if let text = parameter("captured_ns") {
      guard let time = Int64(text) else {
        throw FrameError(.invalid, "captured_ns is a whole number: nanoseconds of CLOCK_MONOTONIC")
      }
      captured = time
    }
    if let problem = ClientFrameDetails.problem(captured: captured, pose: pose, intrinsics: intrinsics) {
      throw FrameError(.invalid, problem)
    }
    if let layout {
      guard bytes.count == layout.size else {
        throw FrameError(
          .invalid,
          "the body has \(bytes.count) bytes; \(layout.height) rows of \(layout.format.rawValue) with \(layout.stride) bytes each have \(layout.size)"
        )
      }
    } else if !bytes.starts(with: [0xff, 0xd8]) {
      throw FrameError(
        .invalid,
        "the body is no JPEG; send one frame as JPEG, or name the format of its pixels with 'format'")
    }
    self.bytes = bytes
    self.client = client
  }

  /// The layout of uncompressed pixels: `format`, `width`, `height` and, for rows with gaps, `stride`.
  ///
  /// - Returns: nil for a JPEG.
  package static func layout(parameter: (String) -> String?) throws(FrameError) -> PixelLayout? {
    guard let name = parameter("format"), name != "jpeg" else { return nil }
    guard let format = PixelLayout.Format(rawValue: name) else {
      throw FrameError(
        .invalid,
        "format is one of jpeg, \(PixelLayout.Format.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    func number(_ key: String) throws(FrameError) -> Int? {
      guard let text = parameter(key) else { return nil }
      guard let number = Int(text) else { throw FrameError(.invalid, "\(key) is a whole number") }
      return number
    }
    guard let width = try number("width"), let height = try number("height") else {
      throw FrameError(.invalid, "pixels of the format \(name) need width and height")
    }
    let stride = try number("stride")
    do { return try PixelLayout(format, width: width, height: height, stride: stride) } catch {
      throw FrameError(.invalid, error.description)
    }
  }
}
