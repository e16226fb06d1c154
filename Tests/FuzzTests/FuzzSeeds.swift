import Cryptography
import DeviceEmulation
import Devices
import Foundation
import FuzzTargets
import Inference
import Sensing
import Spatial
import TestSupport

/// Inputs to start from for clients, files of the state folder and recordings.
enum FuzzSeeds {
  static func text(_ target: FuzzTarget) throws -> [[UInt8]] {
    switch target {
    case .vrpn:
      // A description of type 5 as a ping, then a ping.
      let name = Array("vrpn_Base ping_message\0".utf8)
      let ping = message(kind: 5, [])
      return [message(kind: -2, [0, 0, 0, UInt8(name.count)] + name) + ping + ping]
    case .foxglove:
      return [
        #"{"op":"subscribe","subscriptions":[{"id":1,"channelId":2},{"id":4294967295,"channelId":0}]}"#,
        #"{"op":"unsubscribe","subscriptionIds":[1,2,3]}"#, #"{"op":"advertise","channels":[]}"#,
      ].map { Array($0.utf8) }
    case .frameRequest:
      return [
        Array("format=nv12&width=4&height=2&stride=5&camera=a\0".utf8) + [UInt8](repeating: 128, count: 15),
        Array("format=rgb&width=2&height=1&pose=0,1,2,0,0,0,1&intrinsics=5,5,1,1\0abcdef".utf8),
        Array("format=grey&width=3&height=1\0abc".utf8), Array("camera=b\0".utf8) + [0xff, 0xd8],
      ]
    case .upload:
      let form =
        "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n\u{1}\u{2}\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"top\"\r\n\r\n5\r\n--x--\r\n"
      return [
        [0] + Array(form.utf8), [1] + Array(form.replacingOccurrences(of: "--x", with: "--a b").utf8),
        [2] + Array(#"{"image":"AQID","model":"a","top":3}"#.utf8), [3, 0xff, 0xd8],
        [2] + Array(#"{"text":"a","examples":{"x":["b"],"y":["c","d"]},"top":1}"#.utf8),
      ]
    case .confined:
      // The memory, the magic number, kind, request, one part of 12 bytes, and a body: a size, a tensor, a description.
      func packet(_ body: [UInt8], part: Int) -> [UInt8] {
        func little(_ value: Int, _ count: Int) -> [UInt8] {
          (0..<count).map { UInt8(value >> (8 * $0) & 255) }
        }
        return [0, 64] + Array("VSB1".utf8) + little(0, 4) + little(1, 8) + little(1, 4)
          + little(body.count, 4)
          + little(4, 8) + little(part, 8) + body
      }
      let float = 11
      let tensor = [UInt8(float), 2, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
      let text =
        #"{"engine":"e","version":"1","inputs":[{"name":"x","type":"FP32","shape":[-1,3]}],"outputs":[]}"#
      return [
        packet([3, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0], part: 12), packet(tensor, part: 12),
        packet(Array(text.utf8), part: 0),
      ]
    default: return try state()
    }
  }

  /// A VRPN message with its padding.
  private static func message(kind: Int32, _ body: [UInt8]) -> [UInt8] {
    func word(_ value: Int32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    return word(Int32(24 + body.count)) + word(0) + word(0) + word(5) + word(kind) + word(0) + body
      + [UInt8](repeating: 0, count: (8 - body.count % 8) % 8)
  }

  /// Each file of the state folder, behind its number.
  private static func state() throws -> [[UInt8]] {
    let folder = TestPaths.root + "/calibration/"
    let name = try FileManager.default.contentsOfDirectory(atPath: folder).sorted().first ?? ""
    let key = try Ed25519.PrivateKey()
    var list = RevocationList()
    list.entries = [
      RevocationList.Entry(.key, SigningKey.publicText(key), reason: "stolen"),
      RevocationList.Entry(.model, String(repeating: "ab", count: 32)),
    ]
    let files: [String] = [
      #"{"format":"vrbridge-pairings/1","devices":[{"family":"slimevr","address":"aa:bb","name":"x","since":"2026-01-01T00:00:00Z"}]}"#,
      #"{"format":"vrbridge-roles/1","roles":{"htc-vive/1":"head","x@1-2":"left_hand"}}"#,
      try String(contentsOfFile: folder + name, encoding: .utf8),
      #"{"points":[{"time":0,"x":0,"y":0,"z":0},{"time":1,"x":1,"y":0,"z":0}]}"#,
      try list.text(signedWith: key),
      #"{"canary":{"share":0.25,"version":"2"},"earlier":["1"],"pinned":"1","signature":"ed25519 x y"}"#,
      Data(key.rawRepresentation).base64EncodedString(),
    ]
    return files.enumerated().map { [UInt8($0.offset)] + Array($0.element.utf8) }
  }

  /// A recording of an emulated headset with its feature reports: as text and as gzip data.
  static func recordings() throws -> [[UInt8]] {
    let device = try EmulatedDevice(try TestPaths.description("htc-vive"), options: EmulatedDevice.Options())
    return try ["seed.rec", "seed.rec.gz"].map { name in
      let path = try TestPaths.temporaryFolder() + "/" + name
      let writer = try HIDRecordingWriter(path: path)
      try writer.begin([(device.identity, device.descriptorBytes)])
      for exchange in try device.featureTranscript() { try writer.feature(exchange, interface: 0) }
      var generator = try device.generator()
      for step in 0..<6 {
        for report in generator.next().reports {
          try writer.report(report, interface: 0, at: Timestamp(nanoseconds: Int64(step) * 1_000_000))
        }
      }
      try writer.finish()
      return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }
  }
}
