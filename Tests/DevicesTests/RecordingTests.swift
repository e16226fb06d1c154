import Foundation
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices
import Diagnostics

struct RecordingTests {
  private let text = """
    # hid-recorder
    D: 0
    R: 35 06 00 ff 09 01 a1 01 15 00 26 ff 00 75 08 95 40 09 01 81 02 75 08 95 40 09 01 91 02 95 40 09 01 b1 02 c0
    N: Valve (wired wand buttons)
    P: usb-capture/input0
    I: 3 28de 2012
    # vrbridge serial LHR-1
    # vrbridge interface 2
    # vrbridge get 3 01 03 02
    E: 000000.000000 4 01 00 04 0b
    E: 000001.000250 2 ff 0A

    """

  @Test func linesAndOurComments() throws {
    let recording = try HIDRecording.parse(Array(text.utf8), file: "r")
    let interface = try #require(recording.interfaces.first)
    #expect(interface.identity.vendorProduct == "28de:2012")
    #expect(interface.identity.serial == "LHR-1")
    #expect(interface.identity.interfaceNumber == 2)
    #expect(interface.features.map(\.report) == [[1, 3, 2]])
    #expect(recording.events.map(\.offset) == [0, 1_000_250_000])
    #expect(Array(recording.bytes[recording.events[1].range]) == [0xff, 0x0a])
    #expect(!recording.isTruncated)
  }

  @Test func linesMayEndInCRLF() throws {
    let recording = try HIDRecording.parse(
      Array(text.replacingOccurrences(of: "\n", with: "\r\n").utf8), file: "r")
    let interface = try #require(recording.interfaces.first)
    #expect(interface.identity.serial == "LHR-1" && interface.identity.interfaceNumber == 2)
    #expect(interface.identity.name == "Valve (wired wand buttons)")
    #expect(interface.features.map(\.report) == [[1, 3, 2]] && recording.events.count == 2)
  }

  @Test(arguments: [
    ("E: 000000.0 3 01 02", "3 bytes are announced"), ("E: 1 3 01 02 03", "expected '.'"),
    ("I: 3 zz", "hexadecimal"),
    ("X 1", "expected a letter"), ("E: 0.0 99999 00", "more than"),
  ])
  func faultsHaveTheirLine(_ line: String, _ problem: String) throws {
    let broken = text.replacingOccurrences(of: "N: Valve (wired wand buttons)", with: line)
    do {
      _ = try HIDRecording.parse(Array(broken.utf8), file: "r")
      Issue.record("no fault was found")
    } catch {
      #expect(error.line == 4)
      #expect(error.problem.contains(problem), "\(error)")
    }
  }

  @Test func aCutLastLineLosesOnlyItself() throws {
    let whole = Array(text.utf8)
    for cut in 1..<20 {
      let recording = try HIDRecording.parse(Array(whole.dropLast(cut)), file: "r")
      #expect(recording.events.count == (cut == 1 ? 2 : recording.events.count))
      #expect(recording.events.count >= 1)
    }
  }

  @Test func aFileThatIsNoRecordingIsRefused() {
    #expect(throws: RecordingError.self) { try HIDRecording.parse(Array("hello\n".utf8), file: "r") }
    #expect(throws: RecordingError.self) { try HIDRecording.parse([], file: "r") }
    #expect(throws: RecordingError.self) { try HIDRecording.read(path: "/nonexistent") }
  }

  @Test(arguments: ["a.hid", "a.hid.gz"])
  func whatIsWrittenIsReadBack(_ name: String) throws {
    let path = try TestPaths.temporaryFolder() + "/" + name
    let writer = try HIDRecordingWriter(path: path)
    let identity = InterfaceIdentity(
      bus: .usb, vendor: 0x28de, product: 0x2000, serial: "S 1", interfaceNumber: 0,
      physicalPath: "usb-1/input0",
      name: "Na\nme", origin: .recorded)
    try writer.begin([(identity, HIDReportDescriptorTests.vive), (identity, HIDReportDescriptorTests.vive)])
    try writer.feature(FeatureExchange(direction: .get, report: [1, 2, 3]), interface: 0)
    var random = SeededRandom(seed: 3)
    var reports: [(Int, [UInt8])] = []
    for index in 0..<500 {
      let report = (0..<(1 + index % 64)).map { _ in UInt8.random(in: 0...255, using: &random) }
      reports.append((index % 2, report))
      try writer.report(
        report, interface: index % 2, at: Timestamp(nanoseconds: 5_000_000_000 + Int64(index) * 1_001_000))
    }
    try writer.finish()
    let recording = try HIDRecording.read(path: path)
    #expect(recording.interfaces.count == 2)
    #expect(recording.interfaces[0].identity.name == "Na me")
    #expect(recording.interfaces[0].identity.serial == "S 1")
    #expect(recording.interfaces[0].features.map(\.report) == [[1, 2, 3]])
    #expect(recording.events.map(\.interface) == reports.map(\.0))
    #expect(recording.events.map { Array(recording.bytes[$0.range]) } == reports.map(\.1))
    #expect(recording.events.map(\.offset) == (0..<500).map { Int64($0) * 1_001_000 })
  }

  @Test func aGzipFileThatWasCutIsReadAsFarAsItGoes() throws {
    let path = try TestPaths.temporaryFolder() + "/c.hid.gz"
    let writer = try HIDRecordingWriter(path: path)
    let identity = InterfaceIdentity(bus: .usb, vendor: 1, product: 2)
    try writer.begin([(identity, HIDReportDescriptorTests.vive)])
    var random = SeededRandom(seed: 4)
    for index in 0..<2000 {
      let report = (0..<64).map { _ in UInt8.random(in: 0...255, using: &random) }
      try writer.report(report, interface: 0, at: Timestamp(nanoseconds: 1 + Int64(index) * 1_000_000))
    }
    try writer.finish()
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    try data.prefix(data.count / 2).write(to: URL(fileURLWithPath: path))
    let recording = try HIDRecording.read(path: path)
    #expect(recording.isTruncated)
    #expect((500..<1500).contains(recording.events.count))
  }

  @Test func playingGivesTheRecordedBytesAndIntervals() throws {
    let recording = try HIDRecording.parse(Array(text.utf8), file: "r")
    let player = try RecordedPlayer(recording: recording, pace: .asFastAsPossible)
    #expect(player.play(from: Timestamp(nanoseconds: 1000)))
    player.finish()
    let transport = player.transports[0]
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 8)
    defer { buffer.deallocate() }
    var stamp = Timestamp(nanoseconds: 0)
    #expect(transport.read(into: buffer, received: &stamp) == .report(4))
    #expect(stamp == Timestamp(nanoseconds: 1000))
    #expect(transport.read(into: buffer, received: &stamp) == .report(2))
    #expect(stamp == Timestamp(nanoseconds: 1_000_251_000))
    #expect(buffer[0] == 0xff)
    #expect(transport.read(into: buffer, received: &stamp) == .ended(0))
    #expect(try transport.getFeature(id: 1, length: 64) == [1, 3, 2])
    #expect(throws: TransportError.self) { try transport.getFeature(id: 9, length: 64) }
    transport.close()
  }

  @Test(.enabled(if: TestPaths.hasCorpus, "needs VRBRIDGE_CORPUS"))
  func everyRecordingOfTheCorpusIsReadAndDecodesWithoutError() throws {
    let folder = TestPaths.vive("hid-recorder")
    let catalog = try TestPaths.catalog()
    let expected = [
      "vive_hmd_imu_wake.hid.gz": 7998, "vive_wand_wired_imu_still.hid.gz": 2503,
      "vive_wand_wired_imu_quick.hid.gz": 3752, "vive_wand_wireless_buttons_dark.hid.gz": 6000,
    ]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
      let recording = try HIDRecording.read(path: folder + "/" + name)
      #expect(!recording.isTruncated, "\(name)")
      let interface = recording.interfaces[0]
      let match = try #require(catalog.match(interface.identity, descriptor: interface.descriptor), "\(name)")
      let decoder = try PartDecoder(
        part: match.part, descriptor: interface.descriptor, controls: match.description.controls)
      let batch = SampleBatch()
      var samples = 0
      var errors = 0
      for event in recording.events {
        batch.begin()
        recording.bytes[event.range].withUnsafeBytes {
          do { _ = try decoder.decode($0, received: Timestamp(nanoseconds: event.offset), into: batch) } catch
          {
            errors += 1
          }
        }
        samples += batch.inertialCount
      }
      // Two messages of the radio captures announce more than they hold: the wand was being switched.
      #expect(errors <= 2, "\(name)")
      if let count = expected[name] { #expect(samples >= count - 2, "\(name): \(samples)") }
    }
  }
}
