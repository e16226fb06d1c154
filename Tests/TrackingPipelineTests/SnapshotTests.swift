import DeviceEmulation
import Devices
import Sensing
import Spatial
import TestSupport
import Testing
import Tracking
import TrackingPipeline

struct SnapshotTests {
  @Test func damagedSnapshotsAreRejectedWithoutATrap() throws {
    let device = try EmulatedDevice(
      try TestPaths.description("htc-vive"), options: EmulatedDevice.Options(motion: .gesturing()))
    let opening = ReplayEngine.Opening(
      device: 1, match: device.match, identity: device.identity,
      opened: try PartOpener.open(device.match, recorded: [], descriptor: nil), role: .head)
    let pipeline = try #require(ReplayEngine.bare(opening))
    let match = device.match
    pipeline.attach(part: match.partIndex, decoder: opening.opened.decoder, record: nil) { learned in
      DeviceTracker(
        calibration: InertialCalibration(), sampleRate: 1000, clock: match.part.clock, origin: .emulated,
        learned: learned)
    }
    var generator = try device.generator()
    func feed(_ count: Int) {
      for _ in 0..<count {
        let step = generator.next()
        for report in step.reports {
          report.withUnsafeBytes {
            _ = pipeline.process(
              part: match.partIndex, $0, received: Timestamp(nanoseconds: Int64((1 + step.time) * 1e9)))
          }
        }
      }
    }
    feed(300)
    var words: ContiguousArray<UInt64> = []
    pipeline.snapshot.bytes.withUnsafeBytes { bytes in
      for place in stride(from: 0, to: bytes.count, by: 8) {
        words.append(bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
      }
    }
    try pipeline.restore(words)
    for length in [0, 1, 100, words.count - 1] {
      #expect(throws: StateArchiveError.self) { try pipeline.restore(ContiguousArray(words.prefix(length))) }
    }
    #expect(throws: StateArchiveError.self) { try pipeline.restore(words + [0]) }
    var random = SeededRandom(seed: 1)
    for round in 0..<400 {
      var damaged = words
      for _ in 0..<(1 + round % 4) {
        let state = random.next()
        // Most words are the history; half of the damage goes to the rest, which matters more.
        let place =
          round % 2 == 0 ? damaged.count - 1 - Int(state >> 40) % 1500 : Int(state >> 33) % damaged.count
        damaged[max(0, place)] = round % 3 == 0 ? state : UInt64(bitPattern: Int64(state % 7) - 3)
      }
      try? pipeline.restore(damaged)
      feed(3)
    }
  }

  /// A session may name a part that its device does not have.
  @Test func reportOfAMissingPartIsIgnored() throws {
    let device = try EmulatedDevice(
      try TestPaths.description("oculus-dk2"), options: EmulatedDevice.Options())
    let pipeline = try #require(
      ReplayEngine.bare(
        ReplayEngine.Opening(
          device: 1, match: device.match, identity: device.identity,
          opened: try PartOpener.open(device.match, recorded: [], descriptor: nil), role: .head)))
    [UInt8](0..<20).withUnsafeBytes {
      #expect(pipeline.process(part: 63, $0, received: Timestamp(nanoseconds: 1)) == nil)
    }
  }
}
