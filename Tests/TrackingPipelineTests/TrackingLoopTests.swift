import Devices
import Diagnostics
import Logging
import Sensing
import SessionLog
import Spatial
import Synchronization
import TestSupport
import Testing
import Tracking
import TrackingPipeline

/// The loop with its mailbox, and a session that it plays.
@Suite(.serialized)
struct TrackingLoopTests {
  /// Opened devices and their pipelines; `@unchecked Sendable`: written on the tracking thread, read after it ended.
  private final class Factory: @unchecked Sendable {
    private(set) var roles: [DeviceRole] = []
    private(set) var pipelines: [DevicePipeline] = []
    let isFull: Bool

    init(isFull: Bool) { self.isFull = isFull }

    func make(_ opening: ReplayEngine.Opening) -> DevicePipeline? {
      roles.append(opening.role)
      guard !isFull, let pipeline = ReplayEngine.bare(opening) else { return nil }
      pipelines.append(pipeline)
      return pipeline
    }
  }

  @Test(arguments: [false, true])
  func playedSessionRunsThroughThePipelinesOfTheFactory(_ isFull: Bool) async throws {
    let path = try TestPaths.temporaryFolder() + "/a.mcap"
    let count = try TestPipeline.writeSession(path, reports: 500)
    let loop = try TrackingLoop(notices: EventRing(capacity: 16))
    let player = try SessionPlayer(path: path, options: SessionPlayer.Options(speed: nil))
    let factory = Factory(isFull: isFull)
    let thread = WorkerThread(name: "tracking") {
      loop.run(player, makePipeline: { factory.make($0) }, onMedia: { _ in })
    }
    await thread.ended()
    #expect(player.failure == nil && Int(player.reports) == count && factory.roles == [.head])
    #expect(factory.pipelines.count == (isFull ? 0 : 1))
    for pipeline in factory.pipelines {
      #expect(Int(pipeline.statistics.reports.load(ordering: .relaxed)) == count)
      #expect(pipeline.statistics.states.load(ordering: .relaxed) > 100)
    }
  }

  @Test func commandsOfAnEndedLoopAreRefusedAndWaitingOnesRun() async throws {
    let loop = try TrackingLoop(notices: EventRing(capacity: 16))
    let order = Mutex<[Int]>([])
    loop.stop()
    for index in 0..<10 { #expect(loop.post { _ in order.withLock { $0.append(index) } }) }
    let thread = WorkerThread(name: "tracking") { loop.run() }
    await thread.ended()
    #expect(order.withLock { $0 } == Array(0..<10))
    #expect(!loop.post { _ in } && !loop.offer { _ in })
  }

  @Test func fullMailboxHoldsBackThePostingThread() async throws {
    let loop = try TrackingLoop(notices: EventRing(capacity: 16))
    var offered = 0
    while loop.offer({ _ in }) { offered += 1 }
    #expect(offered == 1024)
    let posted = Mutex(0)
    let poster = WorkerThread(name: "poster") {
      for _ in 0..<50 {
        loop.post { _ in }
        posted.withLock { $0 += 1 }
      }
    }
    try await Task.sleep(nanoseconds: 50_000_000)
    #expect(posted.withLock { $0 } == 0)
    let thread = WorkerThread(name: "tracking") { loop.run() }
    await poster.ended()
    #expect(posted.withLock { $0 } == 50)
    loop.stop()
    await thread.ended()
  }

  @Test func recordingOfAnEndedLoopIsRefusedWithACode() async throws {
    let loop = try TrackingLoop(notices: EventRing(capacity: 16))
    loop.stop()
    let thread = WorkerThread(name: "tracking") { loop.run() }
    await thread.ended()
    let recording = RecordingControl(
      loop: loop, configuration: "", recordedLog: RecordedLog(), log: Logger(label: "test"), devices: { [] })
    let plan = RecordingPlan(path: try TestPaths.temporaryFolder() + "/a.mcap")
    let error = #expect(throws: RecordingError.self) { try recording.start(plan) }
    #expect(error?.code == "recording-tracking-ended")
    let relative = #expect(throws: RecordingError.self) { try recording.start(RecordingPlan(path: "a.mcap")) }
    #expect(relative?.code == "recording-path-relative")
    // The file is complete, and the recorder's thread ends.
    #expect(recording.stop().isRunning == false)
    #expect(try SessionSummary(path: plan.path).isComplete)
  }
}
