import Sensing
import CLinux
import BridgeProtocol
import Diagnostics
import Foundation
import MCAP
import SessionLog
import SessionTools
import Synchronization
import TestSupport
import Testing
import TrackingPipeline

@testable import Bridge

/// Recordings to slow and full disks, and after a power failure.
@Suite(.serialized)
struct RecordingDiskTests {
  /// A slow disk, or one with limited room.
  private final class Disk: OutputFile, @unchecked Sendable {
    // `@unchecked Sendable`: belongs to the recorder's thread.
    private let file: DiskFile
    private var room: Int
    private let delay: UInt32
    private var stalls: Int

    init(_ path: String, room: Int = .max, delay: UInt32 = 0, stalls: Int = 0) throws(OutputError) {
      file = try DiskFile(creating: path)
      self.room = room
      self.delay = delay
      self.stalls = stalls
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
      if stalls > 0, bytes.count > 5000 {
        stalls -= 1
        usleep(delay)
      }
      let taken = min(room, bytes.count)
      room -= taken
      try file.write(UnsafeRawBufferPointer(rebasing: bytes[0..<taken]))
      if taken < bytes.count { throw OutputError(file: "disk", operation: "written", code: ENOSPC) }
    }
    func sync() throws(OutputError) { try file.sync() }
    func truncate(to size: UInt64) throws(OutputError) { try file.truncate(to: size) }
    func close() throws(OutputError) { try file.close() }
    func makeSpool() throws(OutputError) -> any SpoolFile { try file.makeSpool() }
  }

  @Test func droppedRecordsAreCountedAndReplayContinuesAfterThem() async throws {
    let folder = try TestPaths.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    try await Task.sleep(nanoseconds: 300_000_000)
    let recording = bridge.daemon.recording
    var plan = RecordingPlan(path: folder + "/slow.mcap")
    plan.buffer = 1 << 16
    try recording.start(plan) { path throws(OutputError) in try Disk(path, delay: 400_000, stalls: 3) }
    try await Task.sleep(nanoseconds: 2_500_000_000)
    let status = try await onThread { recording.stop() }
    await bridge.stop()
    #expect(status.dropped > 100 && status.failure == nil)
    let result = try SessionVerifier(path: plan.path).run()
    #expect(result.difference == nil && result.lost > 100 && result.compared > 500, "\(result)")
    let summary = try SessionSummary(path: plan.path)
    #expect(summary.lost == result.lost && summary.topics.contains { $0.name == "/log" })
  }

  /// The disk stalls until the recording is stopped: no later record describes the loss.
  @Test func aLossUntilTheEndIsInTheFile() async throws {
    let folder = try TestPaths.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    #expect(await eventually { (try? await bridge.devices().count) == 3 })
    let recording = bridge.daemon.recording
    var plan = RecordingPlan(path: folder + "/stalled.mcap")
    plan.buffer = 1 << 16
    try recording.start(plan) { path throws(OutputError) in try Disk(path, delay: 3_000_000, stalls: 1) }
    try await Task.sleep(nanoseconds: 1_500_000_000)
    let status = try await onThread { recording.stop() }
    await bridge.stop()
    #expect(status.dropped > 100 && status.failure == nil)
    let result = try SessionVerifier(path: plan.path).run()
    #expect(result.difference == nil && result.lost == status.dropped, "\(result) \(status.dropped)")
    let summary = try SessionSummary(path: plan.path)
    #expect(summary.lost == result.lost)
  }

  @Test func fullDiskStopsOnlyTheRecording() async throws {
    let folder = try TestPaths.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    let recording = bridge.daemon.recording
    let plan = RecordingPlan(path: folder + "/full.mcap")
    try recording.start(plan) { path throws(OutputError) in try Disk(path, room: 400_000) }
    #expect(await eventually { !recording.status.isRunning })
    let status = recording.status
    #expect(status.failure?.contains("the disk is full") == true, "\(status)")
    // The file is readable up to the error, and the bridge continues and can record again.
    let recovered = folder + "/recovered.mcap"
    let recovery = try SessionRecovery.run(path: plan.path, output: recovered)
    #expect(recovery.messages > 300)
    #expect(try SessionVerifier(path: recovered).run().difference == nil)
    let before = try await bridge.devices().map(\.health.reports)
    #expect(try await bridge.record(to: folder + "/next.mcap", seconds: 0.3).failure == nil)
    #expect(try await bridge.devices().map(\.health.reports)[0] > before[0])
    let error = #expect(throws: RecordingError.self) { try recording.start(plan) }
    #expect(error?.code == "recording-unwritable")
    await bridge.stop()
  }

  /// A file that counts the bytes that would survive a power failure.
  private final class Durable: OutputFile, @unchecked Sendable {
    // `@unchecked Sendable`: the file belongs to the recorder's thread.
    private let file: DiskFile
    private var size = 0
    let synced = Atomic<Int>(0)

    init(_ path: String) throws(OutputError) { file = try DiskFile(creating: path) }

    func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
      try file.write(bytes)
      size += bytes.count
    }
    func sync() throws(OutputError) {
      try file.sync()
      synced.store(size, ordering: .sequentiallyConsistent)
    }
    func truncate(to size: UInt64) throws(OutputError) { try file.truncate(to: size) }
    func close() throws(OutputError) { try file.close() }
    func makeSpool() throws(OutputError) -> any SpoolFile { try file.makeSpool() }
  }

  @Test func powerFailureCostsAtMostAQuarterOfASecond() async throws {
    let folder = try TestPaths.temporaryFolder()
    let bridge = try TestBridge { $0.demo = Setting(.always, from: "test") }
    let recording = bridge.daemon.recording
    let path = folder + "/p.mcap"
    let made = Mutex<Durable?>(nil)
    try recording.start(RecordingPlan(path: path)) { path throws(OutputError) in
      let file = try Durable(path)
      made.withLock { $0 = file }
      return file
    }
    let file = try #require(made.withLock { $0 })
    var cuts: [(size: Int, at: Int64)] = []
    for _ in 0..<40 {
      try await Task.sleep(nanoseconds: UInt64.random(in: 10_000_000...60_000_000))
      cuts.append((file.synced.load(ordering: .sequentiallyConsistent), linux_monotonic_ns()))
    }
    _ = try await onThread { recording.stop() }
    await bridge.stop()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    for (size, time) in cuts.dropFirst(8) {
      var newest: UInt64 = 0
      let input = InputFile(bytes: Array(bytes[0..<size]), name: "cut")
      try SessionReader(input).read(wanted: { if case .report = $0 { true } else { false } }) { _, place in
        newest = max(newest, place.logTime)
        return .goOn
      }
      #expect(Int64(newest) > time - 250_000_000)
      let result = try SessionVerifier(input).run()
      #expect(result.difference == nil && result.states > 10)
    }
  }
}
