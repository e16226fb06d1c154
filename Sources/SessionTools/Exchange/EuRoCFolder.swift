import Foundation
import Sensing
import Spatial
import SessionLog

/// One device in the folder layout of the EuRoC MAV data set (Burri et al., 2016), which Basalt, OpenVINS, Monado and
/// many others read: `mav0/imu0`, `mav0/cam0`, … and `mav0/state_groundtruth_estimate0`.
///
/// Axes and world are vrbridge's (Y up): exported numbers are imported bit for bit.
public struct EuRoCFolder: Sendable {
  public struct Sample: Sendable {
    /// ns.
    public var time: Int64
    /// rad/s and m/s².
    public var rate: Vector3
    public var force: Vector3

    public init(time: Int64, rate: Vector3, force: Vector3) {
      self.time = time
      self.rate = rate
      self.force = force
    }
  }

  public struct State: Sendable {
    public var time: Int64
    public var pose: Pose
    /// m/s.
    public var velocity: Vector3

    public init(time: Int64, pose: Pose, velocity: Vector3) {
      self.time = time
      self.pose = pose
      self.velocity = velocity
    }
  }

  /// A frame and its file.
  public struct Frame: Sendable {
    public var time: Int64
    /// Relative to the camera's `data`.
    public var name: String

    public init(time: Int64, name: String) {
      self.time = time
      self.name = name
    }
  }

  public let root: String

  public init(root: String) { self.root = root }

  func path(_ parts: String...) -> String { ([root, "mav0"] + parts).joined(separator: "/") }

  // MARK: writing

  public func write(samples: [Sample], deviceFromIMU: Pose) throws {
    var text = Self.sampleHeader + "\n"
    for sample in samples {
      text += "\(sample.time),\(Self.list(sample.rate)),\(Self.list(sample.force))\n"
    }
    try put(text, path("imu0", "data.csv"))
    let rate = Self.rate(samples.map(\.time))
    try put(
      """
      # Axes of the IMU and the world are those of OpenXR: X right, Y up, -Z forward.
      sensor_type: imu
      comment: vrbridge
      T_BS:
        cols: 4
        rows: 4
        data: [\(Self.matrix(deviceFromIMU))]
      rate_hz: \(rate)
      gyroscope_noise_density: 0.0002
      gyroscope_random_walk: 0.0002
      accelerometer_noise_density: 0.01
      accelerometer_random_walk: 0.001

      """, path("imu0", "sensor.yaml"))
    try put("comment: vrbridge\n", path("body.yaml"))
  }

  public func write(states: [State]) throws {
    var text = Self.stateHeader + "\n"
    for state in states {
      let q = state.pose.orientation
      text += "\(state.time),\(Self.list(state.pose.position)),\(q.w),\(q.x),\(q.y),\(q.z),"
      text += "\(Self.list(state.velocity)),0.0,0.0,0.0,0.0,0.0,0.0\n"
    }
    try put(text, path("state_groundtruth_estimate0", "data.csv"))
    try put(
      """
      sensor_type: visual-inertial
      comment: vrbridge
      T_BS:
        cols: 4
        rows: 4
        data: [\(Self.matrix(.identity))]

      """, path("state_groundtruth_estimate0", "sensor.yaml"))
  }

  /// Writes the list of a camera's frames, whose files `write(frame:)` wrote.
  ///
  /// - Parameter model: nil for an uncalibrated camera.
  public func write(frames: [Frame], camera: Int, model: CameraModel?) throws {
    var text = Self.frameHeader + "\n"
    for frame in frames { text += "\(frame.time),\(frame.name)\n" }
    try put(text, path("cam\(camera)", "data.csv"))
    try put(
      """
      sensor_type: camera
      comment: vrbridge
      rate_hz: \(Self.rate(frames.map(\.time)))
      \(model.map(Self.text) ?? "")
      """, path("cam\(camera)", "sensor.yaml"))
  }

  private static func text(_ camera: CameraModel) -> String {
    let (model, coefficients): (String, [Double])
    switch camera.distortion {
    case .none: (model, coefficients) = ("radial-tangential", [0, 0, 0, 0])
    case .radialTangential(let k1, let k2, let p1, let p2, let k3):
      (model, coefficients) = ("radial-tangential", [k1, k2, p1, p2] + (k3 == 0 ? [] : [k3]))
    case .fisheye(let k1, let k2, let k3, let k4): (model, coefficients) = ("equidistant", [k1, k2, k3, k4])
    }
    return """
      resolution: [\(camera.width), \(camera.height)]
      camera_model: pinhole
      intrinsics: [\(camera.focalX), \(camera.focalY), \(camera.centerX), \(camera.centerY)]
      distortion_model: \(model)
      distortion_coefficients: [\(coefficients.map { String($0) }.joined(separator: ", "))]
      T_BS:
        cols: 4
        rows: 4
        data: [\(matrix(camera.headFromCamera * CameraMessages.opticalFrame))]

      """
  }

  public func write(frame: Frame, data: Data, camera: Int) throws {
    let folder = path("cam\(camera)", "data")
    try PrivateFile.createFolder(folder)
    try PrivateFile.write(data, to: folder + "/" + frame.name)
  }

  private func put(_ text: String, _ path: String) throws {
    try PrivateFile.createFolder(URL(fileURLWithPath: path).deletingLastPathComponent().path)
    try PrivateFile.write(Data(text.utf8), to: path)
  }

  // MARK: formats

  private static let sampleHeader =
    "#timestamp [ns],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1],a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]"
  private static let stateHeader =
    "#timestamp, p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], q_RS_z [], v_RS_R_x [m s^-1], v_RS_R_y [m s^-1], v_RS_R_z [m s^-1], b_w_RS_S_x [rad s^-1], b_w_RS_S_y [rad s^-1], b_w_RS_S_z [rad s^-1], b_a_RS_S_x [m s^-2], b_a_RS_S_y [m s^-2], b_a_RS_S_z [m s^-2]"
  private static let frameHeader = "#timestamp [ns],filename"

  private static func list(_ v: Vector3) -> String { "\(v.x),\(v.y),\(v.z)" }

  /// To nine digits: reading a rotation back as a quaternion loses the last ones.
  private static func matrix(_ pose: Pose) -> String {
    let turn = pose.orientation.matrix
    let p = pose.position
    let rows = [(turn.row0, p.x), (turn.row1, p.y), (turn.row2, p.z)]
    let cells: [Double] =
      rows.flatMap { entry -> [Double] in [entry.0.x, entry.0.y, entry.0.z, entry.1] } + [0, 0, 0, 1]
    // Adding zero turns minus zero into zero.
    return cells.map { String(format: "%.9f", ($0 * 1e9).rounded() / 1e9 + 0) }.joined(separator: ", ")
  }

  /// Median rate, to a tenth.
  public static func rate(_ times: [Int64]) -> Double {
    // Not as integers, which hostile times would overflow.
    let steps = zip(times.dropFirst(), times).map { Double($0) - Double($1) }.filter { $0 > 0 }.sorted()
    guard !steps.isEmpty else { return 0 }
    return (1e10 / steps[steps.count / 2]).rounded() / 10
  }
}
