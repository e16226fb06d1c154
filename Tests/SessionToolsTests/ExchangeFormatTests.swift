import Foundation
import Sensing
import SessionLog
import SessionTools
import Spatial
import TestSupport
import Testing

struct ExchangeFormatTests {
  @Test func wavFilesAndEuRoCFoldersFollowTheirFormats() throws {
    let folder = try TestPaths.temporaryFolder()
    let file = try WAVFile(path: folder + "/a.wav", sampleRate: 16_000, channels: 2)
    try file.append(Data([1, 0, 2, 0, 3, 0, 4, 0]))
    try file.finish()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/a.wav")))
    #expect(bytes.count == 52 && bytes[4] == 44 && bytes[40] == 8 && bytes[22] == 2 && bytes[32] == 4)

    let euroc = EuRoCFolder(root: folder + "/e")
    let pose = Pose(
      position: Vector3(0.01, -0.02, 0.03), orientation: Quaternion(rotationVector: Vector3(0.1, -2, 0.3)))
    let samples = (0..<50).map {
      EuRoCFolder.Sample(
        time: Int64($0) * 5_000_000 + 7, rate: Vector3(0.1, 1e-17, -1 / 3),
        force: Vector3(Double($0), 9.81, 0))
    }
    try euroc.write(samples: samples, deviceFromIMU: pose)
    let read = try euroc.samples()
    #expect(read.map(\.time) == samples.map(\.time) && read.map(\.rate) == samples.map(\.rate))
    let mount = try #require(try euroc.deviceFromIMU())
    #expect(
      (mount.position - pose.position).length < 1e-9 && mount.orientation.angle(to: pose.orientation) < 1e-8)
    #expect(throws: EuRoCError.self) { try EuRoCFolder(root: folder).samples() }
    // An uncalibrated camera, and both distortion models of the format.
    try euroc.write(frames: [EuRoCFolder.Frame(time: 5, name: "5.png")], camera: 0, model: nil)
    #expect(try euroc.model(camera: 0) == nil && euroc.model(camera: 1) == nil)
    for distortion in [
      CameraModel.Distortion.none, .radialTangential(k1: -0.28, k2: 0.07, p1: 1e-4, p2: 1.7e-5, k3: 0),
      .radialTangential(k1: -0.28, k2: 0.07, p1: 1e-4, p2: 1.7e-5, k3: 0.5),
      .fisheye(k1: 0.1, k2: 0.02, k3: -0.003, k4: 0.0004),
    ] {
      var model = CameraModel(
        width: 752, height: 480, focalX: 458.654, focalY: 457.296, centerX: 367.215, centerY: 248.375,
        distortion: distortion)
      model.headFromCamera = pose
      try euroc.write(frames: [], camera: 0, model: model)
      var back = try #require(try euroc.model(camera: 0))
      #expect((back.headFromCamera.position - pose.position).length < 1e-8)
      #expect(back.headFromCamera.orientation.angle(to: pose.orientation) < 1e-7)
      back.headFromCamera = pose
      #expect(back == model)
      // And as messages of a session.
      let time = Timestamp(nanoseconds: 1)
      let calibration = CameraMessages.calibration(model, camera: "c", at: time)
      let mount = CameraMessages.transform(pose, parent: "device-1", camera: "c", at: time)
      back = try #require(CameraMessages.model(calibration, mount: mount))
      #expect(back.headFromCamera.orientation.angle(to: pose.orientation) < 1e-7)
      back.headFromCamera = pose
      #expect(back == model)
    }
    // The dataset's own file (EuRoC MAV, MH_01_easy, cam0), with its matrix over several lines.
    try """
    sensor_type: camera
    comment: VI-Sensor cam0 (MT9M034)
    T_BS:
      cols: 4
      rows: 4
      data: [0.0148655429818, -0.999880929698, 0.00414029679422, -0.0216401454975,
             0.999557249008, 0.0149672133247, 0.025715529948, -0.064676986768,
            -0.0257744366974, 0.00375618835797, 0.999660727178, 0.00981073058949,
             0.0, 0.0, 0.0, 1.0]
    rate_hz: 20
    resolution: [752, 480]
    camera_model: pinhole
    intrinsics: [458.654, 457.296, 367.215, 248.375] #fu, fv, cu, cv
    distortion_model: radial-tangential
    distortion_coefficients: [-0.28340811, 0.07395907, 0.00019359, 1.76187114e-05]

    """.write(toFile: folder + "/e/mav0/cam0/sensor.yaml", atomically: true, encoding: .utf8)
    let real = try #require(try euroc.model(camera: 0))
    #expect(real.focalX == 458.654 && abs(real.headFromCamera.position.y + 0.064676986768) < 1e-9)
    // Invalid camera models, and one that vrbridge does not have.
    for (line, isRefused) in [
      ("resolution: [0, 480]", true), ("resolution: [nan, 1]", true), ("intrinsics: [-1, 1, 1, 1]", true),
      ("distortion_model: omni", false), ("camera_model: omni", false),
    ] {
      let text = try String(contentsOfFile: folder + "/e/mav0/cam0/sensor.yaml", encoding: .utf8)
      let key = String(line.split(separator: ":")[0])
      let changed = text.split(separator: "\n").map { $0.hasPrefix(key) ? Substring(line) : $0 }.joined(
        separator: "\n")
      let other = EuRoCFolder(root: folder + "/other")
      try other.write(frames: [], camera: 0, model: nil)
      try changed.write(toFile: folder + "/other/mav0/cam0/sensor.yaml", atomically: true, encoding: .utf8)
      if isRefused {
        #expect(throws: EuRoCError.self, "\(line)") { try other.model(camera: 0) }
      } else {
        #expect(try other.model(camera: 0) == nil, "\(line)")
      }
    }
    var strange = CameraMessages.calibration(real, camera: "c", at: Timestamp(nanoseconds: 1))
    strange.k[0] = .nan
    #expect(CameraMessages.model(strange, mount: nil) == nil)
  }
}
