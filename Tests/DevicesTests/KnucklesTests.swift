import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices

/// Radio messages of the second generation: packets of a real controller as libsurvive's driver_vive.c quotes them,
/// framed as the dongle sends them.
struct KnucklesTests {
  private func decoder() throws -> (PartDecoder, [Control]) {
    let description = try TestPaths.description("valve-knuckles")
    return (
      try PartDecoder(part: description.parts[0], controls: description.controls), description.controls
    )
  }

  private func message(_ payload: String) -> [UInt8] {
    let body = bytes(payload)
    let report: [UInt8] = [0x23, 0x44, UInt8(body.count + 1), 0x18] + body
    return report + [UInt8](repeating: 0xee, count: 30 - report.count)
  }

  private func decode(_ decoder: PartDecoder, _ payload: String) throws -> SampleBatch {
    let batch = SampleBatch()
    batch.begin()
    try message(payload).withUnsafeBytes {
      _ = try decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
    }
    return batch
  }

  @Test func realMessagesAreTakenApart() throws {
    let (decoder, controls) = try decoder()
    func value(_ batch: SampleBatch, _ path: String) throws -> Float {
      batch.controlValue(try #require(controls.firstIndex { $0.path == path }))
    }
    // At rest: flags 0x80, the unit's block alone.
    let still = try decode(decoder, "80 a5 4cfb 8ff1 f2f9 d3ff 2c00 dfff")
    #expect(still.inertialCount == 1 && still.linkChange == true)
    let sample = still.inertial(0)
    #expect(sample.deviceTicks == 0x4418_a500)
    let force = Vector3(-1204, -3697, -1550) * (8 * standardGravity / 32768)
    #expect((sample.specificForce - force).length < 1e-9)
    #expect(abs(sample.specificForce.length - standardGravity) < 0.3, "it lay still")
    // The same with a word on its state behind.
    #expect(try decode(decoder, "c0 92 52fb 7df1 eaf9 ceff 2f00 dcff 20 01").inertialCount == 1)
    // Trigger and light; a finger on A; the stick; fingers around the handle.
    #expect(
      abs(
        try value(
          decode(decoder, "31 f4 f8 61 ca259f7f 26499f5f 06c59fbf f6db9f17 8ae89f0f"), "/input/trigger/value")
          - 0xf8 / 255) < 1e-6)
    #expect(try value(decode(decoder, "20 f0 a1 20 00 01 00 00 00 00"), "/input/b/touch") == 1)
    let stick = try decode(decoder, "35 f6 5b efe5 6d3e 61 cc3dde00 c651ea59 727beab9 9a81ea11")
    #expect(abs(try value(stick, "/input/thumbstick/x") - Float(Int16(bitPattern: 0xe5ef)) / 32767) < 1e-4)
    #expect(try value(stick, "/input/trackpad/x") == 0)
    let hand = try decode(decoder, "20 f0 a1 00 bb f5 ff e5 07 00")
    #expect(abs(try value(hand, "/input/middle_finger/value") - 0xbb / 255) < 1e-6)
    #expect(try value(hand, "/input/little_finger/value") == 1)
    // With a finger on the pad, what moves is the finger.
    let pad = try decode(decoder, "36 f7 02 18 12e1 b806 61 747ebf0b 26b3ac7f 76d2ac5f e200ad17")
    #expect(try value(pad, "/input/trackpad/touch") == 1 && value(pad, "/input/trackpad/x") != 0)
    // A word that it is there; a word whose length nobody knows; battery.
    #expect(try decode(decoder, "e2 01 02").inertialCount == 0)
    #expect(try decode(decoder, "40 99 01 02").battery == nil)
    #expect(try decode(decoder, "40 80 d0").battery == BatteryState(level: 0.8, isCharging: true))
  }

  @Test func messagesThatAreCutOffAreFaults() throws {
    let (decoder, _) = try decoder()
    for payload in [
      "80 a5 4cfb", "20", "20 f4", "20 f0 a1 20", "40", "40 80", "a0 a5 4cfb 8ff1 f2f9 d3ff 2c00 dfff",
    ] {
      #expect(throws: DecodeError.self, "\(payload)") { try decode(decoder, payload) }
    }
  }
}
