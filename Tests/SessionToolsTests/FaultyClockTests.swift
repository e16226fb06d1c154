import Devices
import Foundation
import Logging
import MCAP
import Sensing
import SessionLog
import SessionTools
import Spatial
import SwiftProtobuf
import TestSupport
import Testing

/// Recordings of pads whose clock or whose host's clock is wrong: sessions state it, and replay equal.
struct FaultyClockTests {
  private static let log = Logger(label: "test")

  /// Reports of a DualShock 4 by USB every 4 ms, lying flat.
  private static func dualShock(
    seconds: Double, stamp: (Int) -> UInt16, offset: (Int) -> Int64 = { Int64($0) * 4_000_000 }
  ) -> HIDRecording {
    var identity = InterfaceIdentity(
      bus: .usb, vendor: 0x054c, product: 0x09cc, serial: "T-1", interfaceNumber: 3,
      physicalPath: "usb-1-2/input3", origin: .recorded)
    identity.name = "Wireless Controller"
    var recording = HIDRecording(file: "x.hid")
    recording.interfaces = [HIDRecording.Interface(identity: identity)]
    for index in 0..<Int(seconds * 250) {
      var report = [UInt8](repeating: 0, count: 64)
      report[0] = 1
      for stick in 1...4 { report[stick] = 0x80 }
      report[5] = 8
      let ticks = stamp(index)
      (report[10], report[11]) = (UInt8(truncatingIfNeeded: ticks), UInt8(ticks >> 8))
      report[22] = 0x20
      let from = recording.bytes.count
      recording.bytes += report
      recording.append(interface: 0, offset: offset(index), range: from..<recording.bytes.count)
    }
    return recording
  }

  private struct Contents {
    var states: [TrackedState] = []
    var reasons: [String] = []
    var checksTimes: [Bool] = []
  }

  private static func contents(_ path: String) throws -> Contents {
    var contents = Contents()
    try SessionReader(path: path).read { record, _ in
      switch record {
      case .state(_, let bytes): if let state = SessionReader.state(bytes) { contents.states.append(state) }
      case .event(let event):
        if case .health(let health)? = event.event { contents.reasons.append(health.reason) }
        if case .partOpened(let opened)? = event.event { contents.checksTimes.append(opened.checksTimes) }
      default: break
      }
      return .goOn
    }
    return contents
  }

  private static func session(_ recording: HIDRecording) throws -> String {
    let path = try TestPaths.temporaryFolder() + "/a.mcap"
    let importer = try SessionImporter(output: path, source: "test", log: log)
    _ = try importer.add(
      recording, catalog: TestPaths.catalog(), configuration: nil, at: Timestamp(nanoseconds: 1_000_000_000))
    try importer.finish()
    return path
  }

  /// Stamps that are zero, and stamps ten times too fast: 1,250 reports gave 29 states.
  @Test(arguments: [0, 7500])
  func aPadWithAFaultyClockIsTracked(_ step: Int) throws {
    let recording = Self.dualShock(seconds: 5, stamp: { UInt16(truncatingIfNeeded: $0 * step) })
    let path = try Self.session(recording)
    let contents = try Self.contents(path)
    #expect(contents.states.count > 1100 && contents.checksTimes == [true])
    #expect(contents.reasons.count == 1 && contents.reasons[0].contains("its clock"), "\(contents.reasons)")
    let result = try SessionVerifier(path: path).run()
    #expect(result.difference == nil && result.isComplete && result.compared == contents.states.count)
  }

  /// The host set its clock back by an hour in the middle.
  @Test func recordedTimesThatStepBackAreMovedOn() throws {
    let recording = Self.dualShock(
      seconds: 4, stamp: { UInt16(truncatingIfNeeded: $0 * 750) },
      offset: { 4_000_000_000_000 + Int64($0) * 4_000_000 - ($0 < 500 ? 0 : 3_600_000_000_000) })
    #expect(recording.time.steps.map(\.event) == [500])
    #expect(recording.time.steps.map(\.back) == [3_599_996_000_000])
    #expect(recording.timeProblem?.contains("report 501") == true)
    #expect(
      zip(recording.events, recording.events.dropFirst()).allSatisfy { $1.offset - $0.offset == 4_000_000 })
    let states = try Self.contents(Self.session(recording)).states
    #expect(states.count > 990)
    #expect(
      zip(states, states.dropFirst()).allSatisfy {
        abs($1.captured.seconds(since: $0.captured) - 0.004) < 0.001
      })
  }

  /// The same from a file, in hid-recorder's format.
  @Test func aFileWithAStepBackIsRead() throws {
    let text =
      "N: x\nI: 3 054c 09cc\nE: 10.000000 1 01\nE: 10.004000 1 01\nE: 3.000000 1 01\nE: 3.004000 1 01\n"
    let recording = try HIDRecording.parse(Array(text.utf8), file: "x.hid")
    #expect(recording.events.map { $0.offset / 1_000_000 } == [10_000, 10_004, 10_008, 10_012])
    #expect(recording.timeProblem?.hasPrefix("the recorded times step back by 7.0 s at report 3") == true)
  }
}
