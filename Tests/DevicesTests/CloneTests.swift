import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices

/// Pads of other makers with the identifiers of Sony's.
struct CloneTests {
  private static func identity(
    _ bus: Bus, _ product: UInt16, interface: Int? = nil
  ) -> InterfaceIdentity {
    InterfaceIdentity(
      bus: bus, vendor: 0x054c, product: product, interfaceNumber: interface, name: "Wireless Controller")
  }

  @Test(arguments: [0x05c4, 0x09cc, 0x0ce6, 0x0df2] as [UInt16])
  func aCloneWithoutAudioHasItsHIDInterfaceFirst(_ product: UInt16) throws {
    let catalog = try TestPaths.catalog()
    for interface in [0, 3] {
      let match = try #require(
        catalog.match(Self.identity(.usb, product, interface: interface), descriptor: nil), "\(interface)")
      #expect(match.part.name == "usb" && match.isPrimary)
    }
    #expect(catalog.match(Self.identity(.usb, product, interface: 1), descriptor: nil) == nil)
  }

  /// Gamepad with report 0x01 of ten bytes, and 0x11 of 78 when it declares the long report.
  private static func descriptor(long: UInt8?) throws -> HIDReportDescriptor {
    var bytes: [UInt8] = [
      0x05, 0x01, 0x09, 0x05, 0xa1, 0x01, 0x85, 0x01, 0x09, 0x30, 0x15, 0, 0x26, 0xff, 0, 0x75, 8, 0x95, 9,
      0x81, 2,
    ]
    if let long { bytes += [0x85, long, 0x09, 0x31, 0x95, 0x4d, 0x81, 2] }
    return try HIDReportDescriptor(bytes + [0xc0])
  }

  private func open(
    _ product: UInt16, long: UInt8?
  ) throws -> (decoder: PartDecoder, controls: [Control]) {
    let descriptor = try Self.descriptor(long: long)
    let match = try #require(
      try TestPaths.catalog().match(Self.identity(.bluetooth, product), descriptor: descriptor))
    #expect(match.part.name == "bluetooth" && match.isPrimary)
    let controls = match.description.controls
    return (try PartDecoder(part: match.part, descriptor: descriptor, controls: controls), controls)
  }

  private func decode(_ decoder: PartDecoder, _ report: [UInt8], _ batch: SampleBatch) throws -> DecodeOutcome
  {
    batch.begin()
    return try report.withUnsafeBytes {
      try decoder.decode($0, received: Timestamp(nanoseconds: 0), into: batch)
    }
  }

  /// Pads that send the short report only, whether they declare the long one or not.
  @Test(arguments: [(0x09cc, 0x11), (0x0ce6, 0x31)] as [(UInt16, UInt8)])
  func theShortReportHasButtonsAndSticks(_ product: UInt16, _ long: UInt8) throws {
    for declared in [long, nil] {
      let (decoder, controls) = try open(product, long: declared)
      let batch = SampleBatch()
      // Left stick to the right, cross, left shoulder, home; right trigger pulled.
      let report: [UInt8] = [1, 0xff, 0x80, 0x80, 0x80, 0x28, 0x01, 0x01, 0, 0xff]
      #expect(try decode(decoder, report, batch) == .decoded)
      #expect(batch.isSimple && batch.inertialCount == 0 && !decoder.lacksChecksum)
      func value(_ path: String) throws -> Float {
        batch.controlValue(try #require(controls.firstIndex { $0.path == path }))
      }
      #expect(try value("/input/thumbstick_left/x") == 1 && value("/input/trigger_right/value") == 1)
      #expect(try value("/input/cross/click") == 1 && value("/input/square/click") == 0)
      #expect(try value("/input/shoulder_left/click") == 1 && value("/input/system/click") == 1)
      #expect(try value("/input/dpad_up/click") == 0)
    }
  }

  /// Reports without a right checksum are used after 32 in a row, and never after one with a right checksum.
  @Test func reportsWithoutAChecksumAreUsed() throws {
    let (decoder, _) = try open(0x09cc, long: 0x11)
    let batch = SampleBatch()
    var report = [UInt8](repeating: 0, count: 78)
    (report[0], report[1], report[24]) = (0x11, 0xc0, 0x20)
    func isUsed() -> Bool { (try? decode(decoder, report, batch)) == .decoded && batch.inertialCount == 1 }
    for _ in 0..<31 { #expect(!isUsed()) }
    #expect(isUsed() && decoder.lacksChecksum)
    #expect(isUsed())
    let wrong = report
    let crc = report.withUnsafeBytes {
      seededCRC32(seed: 0xa1, UnsafeRawBufferPointer(rebasing: $0[0..<74]))
    }
    for index in 0..<4 { report[74 + index] = UInt8(truncatingIfNeeded: crc >> UInt32(8 * index)) }
    #expect(isUsed() && !decoder.lacksChecksum)
    report = wrong
    for _ in 0..<100 { #expect(!isUsed()) }
  }

  /// The decision is part of a snapshot.
  @Test func theMissingChecksumIsArchived() throws {
    let (decoder, _) = try open(0x09cc, long: 0x11)
    let batch = SampleBatch()
    var report = [UInt8](repeating: 0, count: 78)
    (report[0], report[1]) = (0x11, 0xc0)
    for _ in 0..<40 { _ = try? decode(decoder, report, batch) }
    let archive = StateArchive()
    decoder.archive(archive)
    let (other, _) = try open(0x09cc, long: 0x11)
    let reading = StateArchive(words: archive.words)
    other.archive(reading)
    try reading.finish()
    #expect(other.lacksChecksum)
  }
}
