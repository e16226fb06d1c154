import Bridge
import BridgeClient
import BridgeProtocol
import CBaseline
import CLinux
import DeviceEmulation
import Devices
import Foundation
import Logging
import Sensing
import ServiceLifecycle
import Spatial
import Synchronization
import TrackingPipeline
import SessionLog

struct BenchError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// A real daemon in this process with eleven devices at 1 kHz, against plain C loops.
final class BridgeBench {
  struct Result {
    var text: String
    var allocations: Int64
    var values: [String: Double]
  }

  private static let deviceCount = 11
  private let daemon: Daemon
  private let group: ServiceGroup
  private let task: Task<Void, any Error>
  private let socket: String
  private var writers: [ReportPipe] = []
  private var generators: [EmulatedDevice.Generator] = []

  private init(daemon: Daemon, group: ServiceGroup, task: Task<Void, any Error>, socket: String) {
    self.daemon = daemon
    self.group = group
    self.task = task
    self.socket = socket
  }

  /// Starts a daemon with a headset, two controllers and eight trackers in the formats of Vive hardware.
  static func start() async throws -> BridgeBench {
    let folder = "/tmp/vrb-bench-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var configuration = Configuration()
    configuration.hardware = Setting(false)
    configuration.socketPath = Setting(folder + "/s")
    var log = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
    log.logLevel = .error
    let daemon = try Daemon(configuration, log: log)
    let group = ServiceGroup(services: daemon.services, logger: log)
    let task = Task { try await group.run() }
    let bench = BridgeBench(daemon: daemon, group: group, task: task, socket: folder + "/s")
    let (catalog, _) = try configuration.descriptionFolders.load()
    for index in 0..<deviceCount {
      let family = index == 0 ? "htc-vive" : "htc-vive-wand"
      guard let description = catalog.description(family: family) else { continue }
      let device = try EmulatedDevice(
        description,
        options: EmulatedDevice.Options(
          part: "imu", motion: .gesturing(seed: UInt64(index)), errors: .consumer(seed: UInt64(index)),
          serial: "BENCH-\(index)", sampleRate: 1000, seed: UInt64(index)))
      let (reader, writer) = try device.connect()
      daemon.attach(device.match, reader)
      bench.writers.append(writer)
      bench.generators.append(try device.generator())
    }
    let deadline = Date().addingTimeInterval(10)
    while try BridgeConnection(path: bench.socket, clientName: "bench").request(.listDevices(.init()))
      .deviceList.devices
      .count < deviceCount, Date() < deadline
    {
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    return bench
  }

  func stop() async {
    await group.triggerGracefulShutdown()
    _ = try? await task.value
  }

  func latency(rounds: Int, secondsPerRound: Int) async throws -> Result {
    // Reports are generated in advance, so that their generation does not affect the times.
    let perRound = secondsPerRound * 1000
    var reports: [[[UInt8]]] = Array(repeating: [], count: Self.deviceCount)
    for index in generators.indices {
      // Three phases a round, each with reports that were not sent before: a repeated one has no new sample.
      for _ in 0..<(rounds + 1) * perRound * 3 { reports[index] += generators[index].next().reports }
    }
    let page = try PosePageReader(path: socket)
    var ours = Histogram()
    var plain = Histogram()
    var callback = Histogram()
    var echo = Histogram()
    var processor: [String: Double] = [:]
    var elapsed: [String: Double] = [:]
    var allocations: Int64 = 0
    guard baseline_allocations("tracking") > 0 else {
      throw BenchError("the tracking thread's allocations are not counted")
    }

    let baseline = try BaselinePage(deviceCount: Self.deviceCount)
    let baselineEcho = try EchoBaseline()
    let arrivals = Mutex<[Int64: Int64]>([:])

    var position = Array(repeating: 0, count: Self.deviceCount)
    func next(_ device: Int) -> [UInt8] {
      defer { position[device] += 1 }
      return reports[device][position[device] % reports[device].count]
    }
    for round in 0...rounds {
      let isWarmUp = round == 0
      let before = baseline_allocations("tracking")
      pace(perRound) { device in
        let sent = linux_monotonic_ns()
        guard writers[device].send(next(device), at: Timestamp(nanoseconds: sent)) else { return }
        guard let visible = waitFor(sent, { page.newest(slot: device)?.received.nanoseconds ?? 0 }) else {
          return
        }
        if !isWarmUp { ours.add(visible - sent) }
      }
      if !isWarmUp { allocations += baseline_allocations("tracking") - before }
      pace(perRound) { device in
        let sent = linux_monotonic_ns()
        let report = reports[device][round * perRound]
        guard let visible = baseline.publish(report, device: device, sent: sent) else { return }
        if !isWarmUp { plain.add(visible - sent) }
      }
      // A client that subscribes to everything; it starts after the first two measurements, as on two cores it would
      // share a core with the tracking thread.
      let client = BridgeClient(
        path: socket, name: "bench",
        subscription: BridgeClient.Subscription(streams: [.poses], policy: .dropOldest, depth: 16_384)
      ) { event in
        guard case .poses(let poses, _) = event else { return }
        let now = linux_monotonic_ns()
        arrivals.withLock { table in for pose in poses { table[pose.receivedNs] = now } }
      }
      client.start()
      try await Task.sleep(nanoseconds: 300_000_000)
      // Processor time without a spinning reader: the generator sleeps between samples, like devices.
      if !isWarmUp {
        measure("vrbridge", ["tracking", "socket", "devices"], &processor, &elapsed) {
          sleepingPace(perRound) { device in
            let now = Timestamp(nanoseconds: linux_monotonic_ns())
            _ = writers[device].send(next(device), at: now)
          }
        }
        measure("C loop", ["baseline"], &processor, &elapsed) {
          sleepingPace(perRound) { device in
            baseline.send(reports[device][round * perRound], device: device, sent: linux_monotonic_ns())
          }
        }
      }
      // The socket: from the pose in the page to the client's callback, one device.
      var published: [Int64: Int64] = [:]
      let socketCount = perRound
      for _ in 0..<socketCount {
        spin(microseconds: 1000)
        let sent = linux_monotonic_ns()
        guard writers[0].send(next(0), at: Timestamp(nanoseconds: sent)) else { continue }
        if let visible = waitFor(sent, { page.newest(slot: 0)?.received.nanoseconds ?? 0 }) {
          published[sent] = visible
        }
      }
      try await Task.sleep(nanoseconds: 200_000_000)
      client.stop()
      let table = arrivals.withLock { table in
        defer { table = [:] }
        return table
      }
      if !isWarmUp {
        for (sent, visible) in published { if let arrived = table[sent] { callback.add(arrived - visible) } }
        for duration in try baselineEcho.run(size: 190, count: socketCount) { echo.add(duration) }
      }
    }
    var lines = [
      "Report written to pose visible in the page, 11 devices at 1 kHz", Histogram.header,
      ours.row("vrbridge"),
      plain.row("C loop: epoll, read, copy"), ratio(&ours, &plain), "",
      "Pose in the page to a client's callback over the socket", Histogram.header, callback.row("vrbridge"),
      echo.row("C echo of 190 bytes"), ratio(&callback, &echo), "",
    ]
    var values: [String: Double] = ["tracking_allocations": Double(allocations)]
    for (name, quantiles) in [
      ("report_to_page", ours.quantiles), ("report_to_page_c", plain.quantiles),
      ("page_to_client", callback.quantiles), ("page_to_client_c", echo.quantiles),
    ] {
      for (quantile, value) in quantiles { values["\(name)_\(quantile)_us"] = value }
    }
    lines.append("Allocations on the tracking thread after warm-up: \(allocations) in \(ours.count) reports")
    for (name, seconds) in processor.sorted(by: { $0.key > $1.key }) {
      let share = 100 * seconds / (elapsed[name] ?? 1)
      values[name == "vrbridge" ? "processor_percent" : "processor_c_percent"] = share
      lines.append(
        String(format: "Processor, 11 devices at 1 kHz, \(name): %.1f %% of one core", share))
    }
    return Result(text: lines.joined(separator: "\n"), allocations: allocations, values: values)
  }

  /// Records everything, with two cameras and a microphone, in real time.
  ///
  /// - Returns: the costs, the number of lost records, and the allocations of the tracking thread.
  func record(seconds: Int) throws -> (text: String, dropped: UInt64, allocations: Int64) {
    let path = socket + "-session.mcap"
    defer { unlink(path) }
    var plan = RecordingPlan(path: path)
    plan.streams.formUnion([.camera, .microphone])
    let recording = daemon.recording
    // Noise compresses as little as a JPEG does: not at all, as long as no two in a chunk are the same.
    let frames = (0..<128).map { _ in Data((0..<40_000).map { _ in UInt8.random(in: 0...255) }) }
    var frame = 0
    let audio = Data((0..<960).map { _ in UInt8.random(in: 0...255) })
    var processor: [String: Double] = [:]
    var elapsed: [String: Double] = [:]
    var sample = 0
    /// Allocations of the tracking thread after the first half second.
    var allocations: Int64 = 0
    /// Seconds without recording: a few give the same share of processor time.
    let plain = min(seconds, 10)
    func run(_ name: String, _ isRecording: Bool) {
      for threads in [Set(["tracking"]), ["recorder"]] {
        processor["\(name) \(threads.first ?? "")"] = -threadSeconds(threads)
      }
      let begin = linux_monotonic_ns()
      sleepingPace((isRecording ? seconds : plain) * 1000) { device in
        let now = Timestamp(nanoseconds: linux_monotonic_ns())
        for report in generators[device].next().reports { _ = writers[device].send(report, at: now) }
        guard device == 0 else { return }
        sample += 1
        if isRecording, sample == plain * 1000 + 500 { allocations = -baseline_allocations("tracking") }
        guard isRecording else { return }
        if sample % 10 == 0 {
          recording.submit(
            AudioRecord(
              samples: audio, sampleRate: 48_000, channels: 1, microphone: "mic", captured: now, received: now
            ))
        }
        // 60 Hz, twice.
        guard sample * 60 / 1000 != (sample - 1) * 60 / 1000 else { return }
        for camera in ["left", "right"] {
          frame = (frame + 1) % frames.count
          recording.submit(
            FrameRecord(image: frames[frame], format: "jpeg", camera: camera, captured: now, received: now))
        }
      }
      elapsed[name] = Double(linux_monotonic_ns() - begin) * 1e-9
      for threads in [Set(["tracking"]), ["recorder"]] {
        processor["\(name) \(threads.first ?? "")", default: 0] += threadSeconds(threads)
      }
    }
    run("plain", false)
    try recording.start(plan)
    let before = resident()
    run("recording", true)
    allocations += baseline_allocations("tracking")
    let after = resident()
    let status = recording.stop()
    func share(_ name: String, _ thread: String) -> Double {
      100 * (processor["\(name) \(thread)"] ?? 0) / (elapsed[name] ?? 1)
    }
    let text = [
      "Recording 11 devices at 1 kHz, two cameras of 40 kB at 60 Hz, audio at 48 kHz, for \(seconds) s",
      String(format: "  recorder thread: %.1f %% of one core", share("recording", "recorder")),
      String(
        format: "  tracking thread: %.1f %% of one core, %.1f %% without recording",
        share("recording", "tracking"),
        share("plain", "tracking")),
      String(
        format:
          "  %.1f MB/s, %llu records dropped, at most %.1f MB queued, resident memory %.0f MB, %.0f MB at the end",
        Double(status.bytes) / status.seconds * 1e-6, status.dropped, Double(status.mostQueued) * 1e-6,
        before, after),
      "  allocations on the tracking thread: \(allocations)",
    ].joined(separator: "\n")
    return (text, status.dropped, allocations)
  }

  private func resident() -> Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS") } ?? ""
    return (Double(line.filter(\.isNumber)) ?? 0) / 1024
  }

  private func ratio(_ a: inout Histogram, _ b: inout Histogram) -> String {
    let cells = [0.5, 0.99, 0.999, 1].map {
      String(format: "%8.2f", Double(a.percentile($0)) / Double(max(1, b.percentile($0))))
    }
    return
      "| \("ratio".padding(toLength: 44, withPad: " ", startingAt: 0)) | \(cells.joined(separator: " | ")) |"
  }

  /// Eleven devices, each at 1 kHz, evenly out of phase.
  private func pace(_ samples: Int, _ body: (Int) -> Void) {
    let interval = 1_000_000 / Int64(Self.deviceCount)
    var next = linux_monotonic_ns()
    for _ in 0..<samples {
      for device in 0..<Self.deviceCount {
        while linux_monotonic_ns() < next {}
        next = max(next + interval, linux_monotonic_ns() - 10 * interval)
        body(device)
      }
    }
  }

  /// All devices sample once a millisecond; the thread sleeps in between.
  private func sleepingPace(_ samples: Int, _ body: (Int) -> Void) {
    let timer = linux_timerfd()
    defer { close(timer) }
    let start = linux_monotonic_ns()
    for sample in 0..<samples {
      linux_timerfd_set_at(timer, start + Int64(sample) * 1_000_000)
      var descriptor = pollfd(fd: timer, events: Int16(POLLIN), revents: 0)
      poll(&descriptor, 1, -1)
      for device in 0..<Self.deviceCount { body(device) }
    }
  }

  private func measure(
    _ name: String, _ threads: Set<String>, _ processor: inout [String: Double],
    _ elapsed: inout [String: Double],
    _ body: () -> Void
  ) {
    let before = threadSeconds(threads)
    let begin = linux_monotonic_ns()
    body()
    processor[name, default: 0] += threadSeconds(threads) - before
    elapsed[name, default: 0] += Double(linux_monotonic_ns() - begin) * 1e-9
  }

  private func spin(microseconds: Int64) {
    let end = linux_monotonic_ns() + microseconds * 1000
    while linux_monotonic_ns() < end {}
  }

  /// Returns the time at which the value reached `target`; nil after 20 ms.
  private func waitFor(_ target: Int64, _ value: () -> Int64) -> Int64? {
    let limit = linux_monotonic_ns() + 20_000_000
    while true {
      let now = linux_monotonic_ns()
      if value() >= target { return linux_monotonic_ns() }
      if now > limit { return nil }
    }
  }

  /// Returns the processor time of the named threads so far.
  private func threadSeconds(_ names: Set<String>) -> Double {
    let folder = "/proc/self/task"
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).reduce(0) { sum, task in
      guard let text = try? String(contentsOfFile: "\(folder)/\(task)/stat", encoding: .utf8),
        let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"),
        names.contains(String(text[text.index(after: open)..<close]))
      else { return sum }
      let fields = text[close...].split(separator: " ")
      guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
        return sum
      }
      return sum + (user + system) / ticks
    }
  }
}
