import Devices
import Foundation
import FuzzTargets
import TestSupport
import Testing

/// A seeded driver for the fuzz targets: real inputs truncated, lengthened, repeated, reordered and with bits
/// flipped. Coverage-guided fuzzing is `make fuzz`.
struct FuzzTests {
  private static let folder = Places.root + "/Tests/Fixtures/fuzz/"

  /// Inputs to start from: what fuzzing found before, and what the product itself makes.
  private func seeds(_ target: FuzzTarget) throws -> [[UInt8]] {
    var seeds = try found(target)
    switch target {
    case .description:
      for name in try FileManager.default.contentsOfDirectory(atPath: Places.descriptions) {
        seeds.append(try file(Places.descriptions + "/" + name))
      }
    case .decoder:
      for (index, match) in FuzzTarget.parts(try Places.catalog()).enumerated() {
        guard
          let device = try? EmulatedDevice(
            match.description, options: EmulatedDevice.Options(part: match.part.name, motion: .gesturing())),
          var generator = try? device.generator()
        else { continue }
        var input = [UInt8(index)]
        for _ in 0..<12 {
          for report in generator.next().reports { input += [UInt8(report.count), 1] + report }
        }
        seeds.append(input)
      }
    case .recording:
      seeds.append(
        Array(
          "D: 0\nR: 3 06 00 ff\nN: x\nP: y\nI: 3 28de 2000\n# vrbridge get 3 01 02 03\nE: 000000.000001 3 20 00 01\n"
            .utf8))
    case .reportDescriptor:
      for match in FuzzTarget.parts(try Places.catalog()) {
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
      let device = try EmulatedDevice(try Places.description("htc-vive"), options: EmulatedDevice.Options())
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
      let folder = Places.root + "/calibration/"
      for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
        seeds.append(try file(folder + name))
      }
    case .frames:
      seeds.append([
        4, 0, 0, 0, 8, 2, 42, 0, 19, 0, 0, 0, 8, 1, 18, 15, 8, 232, 7, 26, 10, 118, 114, 98, 114, 105, 100,
        103, 101, 46, 104,
      ])
    }
    return seeds
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
