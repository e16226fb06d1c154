import CLinux
import DeviceEmulation
import Devices
import Glibc
import Sensing
import Spatial
import Synchronization
import TestSupport
import Testing
import Tracking
import TrackingPipeline

/// What devices that send nothing cost the tracking thread.
@Suite(.serialized)
struct LoopCostTests {
  private static func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// Returns the tracking thread's processor time, seconds, for a number of reports of one device, beside others that are
  /// attached and silent.
  private func cost(reports: Int, besides silent: Int) async throws -> Double {
    let loop = try TrackingLoop(notices: EventRing(capacity: 1024))
    let device = try EmulatedDevice(
      try TestPaths.description("htc-vive"), options: EmulatedDevice.Options(motion: .gesturing()))
    var writers: [ReportPipe] = []
    var references: [PipelineReference] = []
    for index in 0...silent {
      let (reader, writer) = try device.connect()
      let opened = try PartOpener.open(device.match, recorded: [], descriptor: nil)
      let reference = PipelineReference(
        pipeline: DevicePipeline(
          id: DeviceID(UInt32(index) + 1), role: .tracker, slot: index,
          partCount: device.match.description.parts.count,
          tracker: DeviceTracker(
            calibration: opened.calibration, sampleRate: device.sampleRate, clock: device.match.part.clock,
            origin: .emulated)))
      reference.pipeline.attach(
        part: device.match.partIndex, decoder: opened.decoder, record: nil, tracker: nil)
      let part = device.match.partIndex
      loop.post { loop in
        loop.register(reference.pipeline)
        loop.attach(reader, to: reference.pipeline, part: part)
      }
      writers.append(writer)
      references.append(reference)
    }
    let seconds = Mutex(0.0)
    let thread = WorkerThread(name: "tracking") {
      let begin = Self.processorTime()
      loop.run()
      seconds.withLock { $0 = Self.processorTime() - begin }
    }
    var generator = try device.generator()
    var sent = 0
    // The device in the last slot.
    let writer = try #require(writers.last)
    while sent < reports {
      let step = generator.next()
      for report in step.reports where sent < reports {
        guard writer.send(report, at: Timestamp(nanoseconds: Int64((1 + step.time) * 1e9))) else { break }
        sent += 1
      }
    }
    let statistics = try #require(references.last).pipeline.statistics
    #expect(await eventually { statistics.reports.load(ordering: .relaxed) == UInt64(reports) })
    loop.stop()
    await thread.ended()
    return seconds.withLock { $0 }
  }

  /// One run of alternating rounds with 0, 11 and 127 silent devices; prints the ratios.
  @Test func silentDevicesCostNothing() async throws {
    let counts = [0, 11, 127]
    var least = [Double](repeating: .infinity, count: counts.count)
    for _ in 0..<5 {
      for (index, count) in counts.enumerated() {
        least[index] = min(least[index], try await cost(reports: 3000, besides: count))
      }
    }
    let ratios = least.map { $0 / least[0] }
    print("tracking thread, one active device beside 0, 11 and 127 silent ones: ratios \(ratios)")
    // Attaching them is part of the run; looking at each slot for each report would cost several times as much.
    #expect(ratios.allSatisfy { $0 < 2 }, "\(least) s")
  }
}
