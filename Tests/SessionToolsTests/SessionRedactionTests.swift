import Foundation
import MCAP
import Sensing
import SessionLog
import SessionTools
import Spatial
import SwiftProtobuf
import TestSupport
import Testing

struct SessionRedactionTests {
  /// Writes a session with one message of each kind that redaction touches.
  private func session(_ path: String) throws {
    let writer = try SessionWriter(
      DiskFile(creating: path), information: ["library": "test", "host": "secret"])
    let time = Timestamp(nanoseconds: 5_000_000_000)
    try [UInt8](0..<20).withUnsafeBytes {
      try writer.write(SessionReport(received: time, data: $0), device: 1, part: 0, name: "imu")
    }
    try writer.write(
      image: Data([0xff, 0xd8, 0xff, 0xd9]), format: "jpeg", camera: "front/left", captured: time,
      received: time)
    try writer.write(
      audio: Data([1, 0, 2, 0]), sampleRate: 48_000, channels: 1, microphone: "mic", captured: time,
      received: time)
    try writer.write(log: "LHR-12345 is degraded", level: .warning, name: "test", at: time)
    try writer.write(
      Vrbridge_Session_Event.with {
        $0.partOpened.deviceID = 1
        $0.partOpened.identity.serial = "LHR-12345"
      }, on: .events, at: time)
    try writer.attach(
      Array("serial: LHR-12345".utf8), name: "vrbridge.yaml", mediaType: "application/yaml", at: time)
    try writer.finish()
  }

  @Test func redactedSessionHoldsNoDroppedData() throws {
    let folder = try TestPaths.temporaryFolder()
    try session(folder + "/all.mcap")
    let result = try SessionRedaction(
      path: folder + "/all.mcap", drop: [.camera, .microphone], scrub: [.serials, .host]
    ).run(output: folder + "/red.mcap")
    #expect(result.serials == 1 && result.dropped["/cameras/front-left/image"] == 1)
    let summary = try SessionSummary(path: folder + "/red.mcap")
    #expect(!summary.topics.contains { $0.name.hasPrefix("/cameras") || $0.name.hasPrefix("/microphones") })
    #expect(summary.metadata.contains { $0.name == "redaction" && $0.values["serials_scrubbed"] == "1" })
    // Every byte of every record, uncompressed.
    var all: [UInt8] = []
    try MCAPScanner(InputFile(path: folder + "/red.mcap")).scan { event in
      switch event {
      case .message(let message, _): all += message.data
      case .attachment(let attachment): all += attachment.data
      case .metadata(let metadata): for (key, value) in metadata.values { all += Array((key + value).utf8) }
      default: break
      }
      return .goOn
    }
    let text = String(decoding: all, as: UTF8.self)
    #expect(!text.contains("LHR-12345") && !text.contains("secret") && text.contains("SCRUBBED"))
  }
}
