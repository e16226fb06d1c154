import CLinux
import Devices
import Diagnostics
import Glibc
import MCAP
import Sensing
import SessionLog
import Spatial
import Synchronization
import Tracking

/// Plays a session in place of devices: runs on the tracking thread, paced by the recorded times.
///
/// `@unchecked Sendable`: the engine belongs to the thread that plays; the rest is constant or synchronised.
public final class SessionPlayer: @unchecked Sendable {
  public struct Options: Sendable {
    /// Factor of the recorded speed; nil for as fast as possible.
    public var speed: Double?
    /// Seconds after the start of the session.
    public var from: Double
    public var to: Double?
    public var loops: Bool
    public var isPaused: Bool

    public init(
      speed: Double? = 1, from: Double = 0, to: Double? = nil, loops: Bool = false, isPaused: Bool = false
    ) {
      self.speed = speed
      self.from = from
      self.to = to
      self.loops = loops
      self.isPaused = isPaused
    }
  }

  private struct Control {
    var isStopped = false
    var isPaused = false
    var steps = 0
    var faults: [String] = []
    var failure: String?
  }

  private let reader: SessionReader
  private let options: Options
  private let control: Mutex<Control>
  /// Whether `control` changed since the playing thread read it.
  private let isChanged = Atomic<Bool>(true)
  private let reportCount = Atomic<UInt64>(0)
  private let mediaCount = Atomic<UInt64>(0)
  /// Whether the session was read to its end or to `Options.to`.
  private let isPlayed = Atomic<Bool>(false)
  private let wake = linux_eventfd()
  private let timer = linux_timerfd()

  public init(path: String, options: Options) throws {
    reader = try SessionReader(path: path)
    self.options = options
    control = Mutex(Control(isPaused: options.isPaused))
    // Rejects a file that is no session before any service starts.
    let file = try MCAPFile(InputFile(path: path))
    let (first, last) = (file.statistics.startTime, file.statistics.endTime)
    let length = Double(last - min(first, last)) * 1e-9
    guard options.from <= length else {
      throw ReplayError(
        .beyondEnd, "the session ends after \((length * 10).rounded() / 10) s, before the time to begin at")
    }
  }

  deinit {
    Glibc.close(wake)
    Glibc.close(timer)
  }

  // MARK: from any thread

  public var faults: [String] { control.withLock { $0.faults } }
  /// Why the session could not be played to its end; nil without an error.
  public var failure: String? { control.withLock { $0.failure } }
  /// Reports that were published: those after `Options.from`.
  public var reports: UInt64 { reportCount.load(ordering: .relaxed) }
  /// Whether the session was played to its end and had no report, frame or sound there.
  public var isUnplayed: Bool {
    isPlayed.load(ordering: .acquiring) && reports == 0 && mediaCount.load(ordering: .relaxed) == 0
  }

  public func stop() { change { $0.isStopped = true } }
  public func togglePause() { change { $0.isPaused.toggle() } }
  /// Plays one report and pauses.
  public func step() {
    change {
      $0.isPaused = true
      $0.steps += 1
    }
  }

  private func change(_ body: (inout Control) -> Void) {
    control.withLock { body(&$0) }
    isChanged.store(true, ordering: .releasing)
    linux_eventfd_signal(wake)
  }

  // MARK: the thread

  private struct Clock {
    /// ns: time of playing, and the recorded time that it corresponds to.
    var wall: Int64
    var recorded: Int64
  }

  /// Plays until the end, or until it is stopped.
  ///
  /// - Parameters:
  ///   - mailbox: serves requests of other threads when its descriptor is readable.
  ///   - makePipeline: makes or finds the pipeline of a recorded device.
  ///   - onEvent: receives changes of a device.
  ///   - onMedia: receives frames, audio and camera models at their times.
  package func run(
    mailbox: (descriptor: Int32, open: () -> Void),
    makePipeline: @escaping PipelineFactory,
    onEvent: (ReplayEngine.Outcome, DevicePipeline) -> Void, onMedia: (PlayedMedia) -> Void
  ) {
    let engine = ReplayEngine(settings: nil, makePipeline: makePipeline)
    do {
      repeat {
        try playOnce(engine, mailbox, onEvent, onMedia)
      } while options.loops && !control.withLock { $0.isStopped }
    } catch {
      control.withLock { $0.failure = error.reason }
    }
  }

  private func playOnce(
    _ engine: ReplayEngine, _ mailbox: (descriptor: Int32, open: () -> Void),
    _ onEvent: (ReplayEngine.Outcome, DevicePipeline) -> Void, _ onMedia: (PlayedMedia) -> Void
  ) throws {
    engine.restart()
    var start: Int64?
    var clock: Clock?
    var newest = Int64.min / 2
    var mounts: [String: Foxglove_FrameTransform] = [:]
    let contents = try reader.read(
      wanted: { topic in
        switch topic {
        case .report, .events, .image, .cameraCalibration, .cameraMount, .audio: true
        default: false
        }
      }, attachment: { try engine.take($0) }
    ) { record, location in
      switch record {
      case .event(let event):
        let outcome = try engine.apply(event)
        if let device = outcome.device, let pipeline = engine.pipelines[device] { onEvent(outcome, pipeline) }
      case .report(let device, let part, let report):
        let time = report.received.nanoseconds
        if time < newest &- Self.stepBack {
          // The host set its clock back while it recorded: the pace continues from here.
          start = start.map { $0 &- (newest &- time) }
          (clock, newest) = (nil, time)
        }
        newest = max(newest, time)
        let began = start ?? time
        start = began
        let passed = Timestamp(nanoseconds: time).seconds(since: Timestamp(nanoseconds: began))
        if let to = options.to, passed > to { return .stop }
        // Interfaces are read in turns: a record may have arrived a little before the one in front of it, and is not
        // skipped for that.
        let isMuted = max(0, passed) < options.from
        var offset: Int64 = 0
        if !isMuted {
          guard let now = wait(until: time, &clock, mailbox) else { return .stop }
          // Wraps for impossible times, which no client can use anyway.
          offset = now &- time
        }
        engine.pipelines[device]?.presentation = StatePresentation(offset: offset, isMuted: isMuted)
        engine.process(device: device, part: part, report)
        if !isMuted { reportCount.add(1, ordering: .relaxed) }
      case .image(let camera, let image):
        let received = Timestamp(nanoseconds: Int64(clamping: location.logTime))
        guard try isDue(received.nanoseconds, &start, &clock, mailbox) else { return .stop }
        onMedia(
          .frame(
            FrameRecord(
              image: image.data, format: image.format, camera: camera,
              captured: image.timestamp.monotonic, received: received)))
      case .audio(let microphone, let block):
        let received = Timestamp(nanoseconds: Int64(clamping: location.logTime))
        guard try isDue(received.nanoseconds, &start, &clock, mailbox) else { return .stop }
        onMedia(
          .audio(
            AudioRecord(
              samples: block.data, sampleRate: block.sampleRate, channels: block.numberOfChannels,
              microphone: microphone, captured: block.timestamp.monotonic, received: received)))
      case .cameraMount(let camera, let mount): mounts[camera] = mount
      case .cameraCalibration(let camera, let calibration):
        if let model = CameraMessages.model(calibration, mount: mounts[camera]) {
          let time = Timestamp(nanoseconds: Int64(clamping: location.logTime))
          onMedia(.intrinsics(IntrinsicsRecord(model: model, camera: camera, time: time)))
        }
      case .state, .groundTruth, .other: break
      }
      return .goOn
    }
    control.withLock {
      $0.faults = contents.faults.map(\.description)
      if !$0.isStopped { isPlayed.store(true, ordering: .releasing) }
    }
  }

  /// Waits for the time of a record that is no report.
  ///
  /// - Returns: false at the end of playing.
  private func isDue(
    _ time: Int64, _ start: inout Int64?, _ clock: inout Clock?,
    _ mailbox: (descriptor: Int32, open: () -> Void)
  ) throws -> Bool {
    let began = start ?? time
    start = began
    let passed = Timestamp(nanoseconds: time).seconds(since: Timestamp(nanoseconds: began))
    if let to = options.to, passed > to { return false }
    if max(0, passed) < options.from { return true }
    mediaCount.add(1, ordering: .relaxed)
    return wait(until: time, &clock, mailbox) != nil
  }

  /// Waits for a recorded time, and until playing is not paused.
  ///
  /// - Returns: the time to publish the record with, ns; nil when playing was stopped.
  private func wait(
    until recorded: Int64, _ clock: inout Clock?, _ mailbox: (descriptor: Int32, open: () -> Void)
  ) -> Int64? {
    while true {
      let (isStopped, isHeld) = isChanged.load(ordering: .acquiring) ? readControl() : (false, false)
      if isStopped { return nil }
      let now = linux_monotonic_ns()
      if isHeld {
        // The pace continues from the time at which the pause ends.
        clock = nil
        sleep(until: nil, mailbox)
        continue
      }
      guard let speed = options.speed else {
        // Requests are served every 10 ms.
        if now - lastPoll > 10_000_000 {
          lastPoll = now
          poll(timeout: 0, mailbox)
        }
        return now
      }
      let origin = clock ?? Clock(wall: now, recorded: recorded)
      clock = origin
      let passed = Timestamp(nanoseconds: recorded).seconds(since: Timestamp(nanoseconds: origin.recorded))
      // A hostile file may date the next report a thousand years later.
      let due = Timestamp(nanoseconds: origin.wall).advanced(bySeconds: passed / speed).nanoseconds
      if now >= due {
        if now - lastPoll > 10_000_000 {
          lastPoll = now
          poll(timeout: 0, mailbox)
        }
        return due
      }
      sleep(until: due, mailbox)
    }
  }

  /// Reads `control`; takes a step while paused.
  private func readControl() -> (isStopped: Bool, isHeld: Bool) {
    isChanged.store(false, ordering: .relaxed)
    return control.withLock { control in
      guard control.isPaused else { return (control.isStopped, false) }
      isChanged.store(true, ordering: .relaxed)
      guard control.steps > 0 else { return (control.isStopped, true) }
      control.steps -= 1
      return (control.isStopped, false)
    }
  }

  private var lastPoll: Int64 = 0
  /// Reports of several interfaces may be a little out of order; ns.
  private static let stepBack: Int64 = 1_000_000_000

  private func sleep(until due: Int64?, _ mailbox: (descriptor: Int32, open: () -> Void)) {
    if let due { linux_timerfd_set_at(timer, due) } else { linux_timerfd_set(timer, 0, 0) }
    poll(timeout: -1, mailbox)
  }

  private func poll(timeout: Int32, _ mailbox: (descriptor: Int32, open: () -> Void)) {
    var descriptors = [
      pollfd(fd: timer, events: Int16(POLLIN), revents: 0),
      pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
      pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    guard Glibc.poll(&descriptors, 3, timeout) > 0 else { return }
    if descriptors[0].revents != 0 {
      var expirations: UInt64 = 0
      _ = read(timer, &expirations, 8)
    }
    if descriptors[1].revents != 0 { linux_eventfd_drain(wake) }
    if descriptors[2].revents != 0 { mailbox.open() }
  }
}

/// The interface of a played device: returns no reports and ignores those written to it.
package final class PlayedTransport: Transport {
  package let identity: InterfaceIdentity
  package let descriptor: HIDReportDescriptor? = nil
  package let fileDescriptor: Int32 = -1

  package init(_ identity: InterfaceIdentity) { self.identity = identity }

  package func read(into buffer: UnsafeMutableRawBufferPointer, received: inout Timestamp) -> ReadResult {
    .nothing
  }
  package func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
    throw TransportError("get feature of a played device", code: ENODEV)
  }
  package func setFeature(_ report: [UInt8]) throws(TransportError) {}
  package func writeOutput(_ report: [UInt8]) throws(TransportError) {}
  package func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? { nil }
  package func close() {}
}
