import Cameras
import DeviceEmulation
import Devices
import Foundation
import FuzzTargets
import MCAP
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import TestSupport
import Testing

/// A seeded driver for the fuzz targets: real inputs truncated, lengthened, repeated, reordered and with bits
/// flipped. Coverage-guided fuzzing is `make fuzz`.
struct FuzzTests {
  private static let folder = TestPaths.root + "/Tests/Fixtures/fuzz/"

  /// Inputs to start from: what fuzzing found before, and what the product itself makes.
  private func seeds(_ target: FuzzTarget) throws -> [[UInt8]] {
    var seeds = try found(target)
    switch target {
    case .description:
      for name in try FileManager.default.contentsOfDirectory(atPath: TestPaths.descriptions) {
        seeds.append(try file(TestPaths.descriptions + "/" + name))
      }
    case .decoder:
      for (index, match) in FuzzTarget.parts(try TestPaths.catalog()).enumerated() {
        guard
          let device = try? EmulatedDevice(
            match.description, options: EmulatedDevice.Options(part: match.part.name, motion: .gesturing())),
          var generator = try? device.generator()
        else { continue }
        var input = [UInt8(index)]
        for _ in 0..<12 {
          for report in generator.next().reports {
            // In pairs of bytes: the longest report has more than 255.
            input += [UInt8((report.count + 1) / 2), 1] + report + (report.count % 2 == 0 ? [] : [0])
          }
        }
        seeds.append(input)
      }
    case .placement:
      func float(_ value: Double) -> [UInt8] { withUnsafeBytes(of: Float(value).bitPattern) { Array($0) } }
      var input: [UInt8] = []
      for step in 0..<12 {
        // Fifty samples at rest, then a place beside the one before, with an attitude or without.
        input += [100, 1, 1, 0, 2, 0, 3, 0, 0, 0, 0xd5, 3, 0, 0]
        input += [step % 3 == 2 ? 3 : 1, 20, 0] + float(0.01 * Double(step)) + float(1.6) + float(-0.2)
        input += [0, 0, 0, 1].flatMap(float) + float(0.002) + float(0.01) + [0.01, 0, 0].flatMap(float)
      }
      seeds.append(input)
    case .recording:
      seeds.append(
        Array(
          "D: 0\nR: 3 06 00 ff\nN: x\nP: y\nI: 3 28de 2000\n# vrbridge get 3 01 02 03\nE: 000000.000001 3 20 00 01\n"
            .utf8))
      seeds += try FuzzSeeds.recordings()
    case .reportDescriptor:
      for match in FuzzTarget.parts(try TestPaths.catalog()) {
        if let device = try? EmulatedDevice(
          match.description, options: EmulatedDevice.Options(part: match.part.name))
        {
          seeds.append(device.descriptorBytes)
        }
      }
    case .lighthouse:
      seeds.append(
        Array(
          #"{"acc_bias":[0,0,0],"acc_scale":[1,1,1],"gyro_bias":[0,0,0],"gyro_scale":[1,1,1],"device_serial_number":"x","trackref_from_head":[0,-1,0,0,0,0,0],"trackref_from_imu":[0,0,-1,0,0.1,0,0]}"#
            .utf8))
      let device = try EmulatedDevice(
        try TestPaths.description("htc-vive"), options: EmulatedDevice.Options())
      let chunks = try device.featureTranscript().map(\.report).filter { $0.first == 0x11 }
      seeds.append(chunks.flatMap { $0[2..<(2 + Int($0[1]))] })
    case .configuration:
      seeds.append(
        Array(
          "devices: { hardware: false, demo: always, roles: { A: head } }\naccess: { poses: { users: [a] } }\nlog: { level: info }\n"
            .utf8))
    case .table:
      var text = "t_s,gx_rad_s,gy,gz,ax_m_s2,ay,az,mx_uT,my,mz\n"
      for index in 0..<60 { text += "\(Double(index) * 0.01),0.1,\(index),0,0,9.8,1,20,-40,1e3\n" }
      seeds.append(Array(text.utf8))
    case .mat:
      // A header and one array of one byte.
      let header = [UInt8](repeating: 32, count: 124) + [0, 1, 0x49, 0x4d]
      let array: [UInt8] = [
        6, 0, 0, 0, 8, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0,
        1, 0, 120,
        0, 0, 0, 2, 0, 1, 0, 7, 0, 0, 0,
      ]
      seeds.append(header + [14, 0, 0, 0, UInt8(array.count), 0, 0, 0] + array)
    case .calibration:
      let folder = TestPaths.root + "/calibration/"
      for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
        seeds.append(try file(folder + name))
      }
    case .mcap:
      for compression in [MCAPCompression.none, .lz4, .zstandard(level: 1)] {
        let path = try TestPaths.temporaryFolder() + "/seed.mcap"
        var options = MCAPWriter.Options()
        options.compression = compression
        let writer = try MCAPWriter(DiskFile(creating: path), options: options)
        let schema = try writer.add(MCAPSchema(name: "s", encoding: "e", data: [1]))
        let channel = try writer.add(MCAPChannel(schemaID: schema, topic: "/t", messageEncoding: "e"))
        try writer.write(MCAPMetadata(name: "m", values: ["a": "b"]))
        try writer.write(MCAPAttachment(logTime: 1, name: "a", mediaType: "t", data: [1, 2, 3]))
        for index in 0..<6 {
          try [UInt8](repeating: 7, count: 40).withUnsafeBytes {
            try writer.write(channel: channel, logTime: UInt64(index), publishTime: 0, data: $0)
          }
          if index == 3 { try writer.closeChunk() }
        }
        try writer.finish()
        seeds.append(try file(path))
      }
    case .session: seeds.append(try session())
    case .capture:
      // A section, an interface of usbmon and one interrupt transfer.
      var seed: [UInt8] = [0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]
      seed += [UInt8](repeating: 0xff, count: 8) + [28, 0, 0, 0]
      seed += [1, 0, 0, 0, 20, 0, 0, 0, 220, 0, 0, 0, 0, 0, 4, 0, 20, 0, 0, 0]
      var packet: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 67, 1, 0x81, 5, 2, 0, 45, 0]
      packet += [UInt8](repeating: 0, count: 48) + [0x20, 1, 2, 3]
      seed += [6, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 68, 0, 0, 0, 68, 0, 0, 0]
      seeds.append(seed + packet + [100, 0, 0, 0])
    case .datagram:
      // A rotation in a compact bundle.
      seeds.append(
        [0, 0, 0, 101, 0, 0, 0, 0, 0, 0, 0, 9, 16, 23, 0, 0x7f, 0xff] + [UInt8](repeating: 1, count: 12))
    case .vrpn, .foxglove, .upload, .confined, .frameRequest, .state: seeds += try FuzzSeeds.text(target)
    case .picture:
      let grey = CameraFrame(
        camera: "",
        pixels: PixelData(
          format: .grey, width: 16, height: 16, stride: 16, bytes: (0..<256).map { UInt8($0) }),
        captured: Timestamp(nanoseconds: 0), received: Timestamp(nanoseconds: 0))
      seeds.append(try grey.jpeg())
    case .manifest:
      seeds.append(
        Array(
          """
          format: 1
          name: a
          version: "1"
          task: object-detection
          decoder: yolox
          picture: { layout: NCHW, order: BGR, mean: [0, 0, 0], scale: [1, 1, 1] }
          labels: [a, "b\u{22}"]
          inputs:
            - { name: x, type: FP32, shape: [1, -1] }
          files:
            - { name: a.onnx, size: 3, sha256: \(String(repeating: "0", count: 64)) }
          """.utf8))
    case .inference:
      seeds.append(
        [0, 79]
          + Array(
            "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1,3],\"data\":[1,2,3]}]}".utf8))
      seeds.append(
        [0, 97]
          + Array(
            "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":{\"binary_data_size\":4}}]}"
              .utf8)
          + [0, 0, 128, 63])
    case .speech:
      seeds.append(
        Array(
          "data: {\"choices\":[{\"delta\":{\"content\":\"A cup\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
            .utf8))
      seeds.append(Array("Hey bridge, label this as pump twenty-three, 1,234.5 metres: isn't it 21st?".utf8))
    case .movement:
      seeds.append(
        Array(
          "{\"points\":[{\"time\":0,\"x\":0,\"y\":0,\"z\":0},{\"time\":1,\"x\":1,\"y\":0,\"z\":0},{\"time\":2,\"x\":1,\"y\":1,\"z\":1}]}"
            .utf8))
    case .frames:
      seeds.append([
        4, 0, 0, 0, 8, 2, 42, 0, 19, 0, 0, 0, 8, 1, 18, 15, 8, 232, 7, 26, 10, 118, 114, 98, 114, 105, 100,
        103, 101, 46, 104,
      ])
    }
    return seeds
  }

  /// A description, an opened part, reports and their states, as the target's records.
  private func session() throws -> [UInt8] {
    let device = try EmulatedDevice(try TestPaths.description("htc-vive"), options: EmulatedDevice.Options())
    func record(_ kind: UInt8, _ body: [UInt8]) -> [UInt8] {
      [kind, UInt8(body.count >> 8), UInt8(body.count & 0xff)] + body
    }
    var seed = record(0, Array(device.match.description.text.utf8))
    let opened =
      try Vrbridge_Session_Event.with {
        $0.partOpened.deviceID = 1
        $0.partOpened.part = UInt32(device.match.partIndex)
        $0.partOpened.role = "head"
        $0.partOpened.description_p = "devices/x.yaml"
        $0.partOpened.identity.origin = "emulated"
        $0.partOpened.calibration = Vrbridge_Session_Calibration(InertialCalibration())
        $0.partOpened.reportDescriptor = Data(device.descriptorBytes)
      }.serializedBytes() as [UInt8]
    seed += record(1, opened)
    var generator = try device.generator()
    for index in 0..<20 {
      for report in generator.next().reports {
        var bytes = [UInt8](repeating: 0, count: WireFormat.reportLength(report.count))
        report.withUnsafeBytes { report in
          bytes.withUnsafeMutableBytes {
            WireFormat.write(
              SessionReport(received: Timestamp(nanoseconds: Int64(index + 1) * 1_000_000), data: report),
              into: $0)
          }
        }
        seed += record(2, bytes)
      }
      if index % 4 == 3 {
        seed += record(
          1,
          try event {
            $0.placeMeasured = .with {
              $0.deviceID = 1
              $0.capturedNs = Int64(index + 1) * 1_000_000
              ($0.position, $0.orientation, $0.point) = ([0, 1.6, 0], [0, 0, 0, 1], [0, 0, 0])
              ($0.sigmaPosition, $0.sigmaOrientation) = (0.002, 0.01)
            }
          })
      }
      if index % 5 == 4 { seed += record(1, try event { $0.recentered.deviceID = 1 }) }
    }
    seed += record(
      1,
      try event {
        $0.roleChanged = .with {
          $0.deviceID = 1; $0.role = "left_hand"
        }
      })
    seed += record(1, try event { $0.partClosed.deviceID = 1 })
    return seed
  }

  private func event(_ fill: (inout Vrbridge_Session_Event) -> Void) throws -> [UInt8] {
    var event = Vrbridge_Session_Event()
    fill(&event)
    return try event.serializedBytes()
  }

  private func found(_ target: FuzzTarget) throws -> [[UInt8]] {
    let folder = Self.folder + target.rawValue
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return try names.sorted().map { try file(folder + "/" + $0) }
  }

  private func file(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  @Test(arguments: FuzzTarget.allCases)
  func mutatedInputsNeverTrap(_ target: FuzzTarget) throws {
    var random = SeededRandom(seed: 20_261_121)
    let seeds = try seeds(target)
    #expect(!seeds.isEmpty)
    for seed in seeds { try target.run(seed) }
    let rounds = target == .description ? 40 : 400
    for seed in seeds {
      for _ in 0..<rounds { try target.run(mutate(seed, &random)) }
    }
    for _ in 0..<500 {
      try target.run(
        (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
  }

  /// `make fuzz` runs the targets that the script names.
  @Test func theScriptNamesAllTargets() throws {
    let script = try String(contentsOfFile: TestPaths.root + "/scripts/fuzz.sh", encoding: .utf8)
    let list = try #require(script.firstMatch(of: #/for target in ([^;]*);/#)).output.1
    let named = list.split { " \\\n".contains($0) }.map(String.init)
    #expect(named.sorted() == FuzzTarget.allCases.map(\.rawValue).sorted())
  }

  private func mutate(_ seed: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = seed
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      guard !bytes.isEmpty else { return bytes }
      let at = Int.random(in: 0..<bytes.count, using: &random)
      let other = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<7, using: &random) {
      case 0: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
      case 1: bytes[at] = UInt8.random(in: 0...255, using: &random)
      case 2: bytes = Array(bytes.prefix(at))
      case 3: bytes.insert(contentsOf: bytes[min(at, other)..<max(at, other)], at: at)
      case 4: bytes.removeSubrange(min(at, other)..<max(at, other))
      case 5: bytes.swapAt(at, other)
      default: bytes[at] = [0, 0xff, 0x7f, 0x80][Int.random(in: 0..<4, using: &random)]
      }
    }
    return bytes
  }
}
