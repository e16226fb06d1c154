import CLinux
import Devices
import Glibc
import Sensing
import Spatial
import Synchronization
import Tracking

/// The one thread that reads devices: epoll → read → decode → calibrate → fuse → publish.
///
/// After warm-up nothing on it allocates, locks, logs or awaits. Changes come through a mailbox that is opened
/// only when it was signalled.
///
/// `@unchecked Sendable`: `sources` belongs to the tracking thread; everything else is constant or synchronised.
final class TrackingLoop: @unchecked Sendable {
  /// A change, run on the tracking thread between reports.
  typealias Command = @Sendable (TrackingLoop) -> Void

  private struct Source {
    var token: UInt64
    var transport: any Transport
    var pipeline: DevicePipeline
    var part: Int
  }

  private let epoll: Int32
  private let mailboxSignal: Int32
  private let mailbox = Mutex<[Command]>([])
  private let isStopping = Atomic<Bool>(false)
  private let events: EventRing<TrackingEvent>
  /// Ended sources, for the device manager; separate, so that it never waits for the socket server.
  private let notices: EventRing<TrackingEvent>
  private var sources: [UInt64: Source] = [:]
  private var nextToken: UInt64 = 1
  /// Every device that was ever here, by its place in the page.
  private var pipelines: [Int: DevicePipeline] = [:]
  private var recording: RecordingTap?

  init(events: EventRing<TrackingEvent>, notices: EventRing<TrackingEvent>) throws(TransportError) {
    epoll = linux_epoll_create()
    mailboxSignal = linux_eventfd()
    guard epoll >= 0, mailboxSignal >= 0 else { throw TransportError("create epoll", code: epoll) }
    self.events = events
    self.notices = notices
    linux_epoll_add(epoll, mailboxSignal, 0, 0)
  }

  deinit {
    Glibc.close(epoll)
    Glibc.close(mailboxSignal)
  }

  /// From any thread.
  func post(_ command: @escaping Command) {
    mailbox.withLock { $0.append(command) }
    linux_eventfd_signal(mailboxSignal)
  }

  /// From any thread; `run` returns after the current report.
  func stop() {
    isStopping.store(true, ordering: .relaxed)
    linux_eventfd_signal(mailboxSignal)
  }

  /// Adds an open interface; on the tracking thread.
  ///
  /// - Returns: the token that `detach` and notices name it by.
  @discardableResult
  func attach(_ transport: any Transport, to pipeline: DevicePipeline, part: Int) -> UInt64 {
    let token = nextToken
    nextToken += 1
    sources[token] = Source(token: token, transport: transport, pipeline: pipeline, part: part)
    if linux_epoll_add(epoll, transport.fileDescriptor, token, 0) != 0 {
      end(token, code: EBADF)
    }
    return token
  }

  // MARK: recording; on the tracking thread

  /// Makes a device known before its first interface is attached.
  func register(_ pipeline: DevicePipeline) {
    if let earlier = pipelines[pipeline.slot], earlier !== pipeline { earlier.tap = nil }
    pipelines[pipeline.slot] = pipeline
    pipeline.tap = recording
  }

  func opened(_ pipeline: DevicePipeline, part: Int, isUpdate: Bool) {
    guard let recording, let record = pipeline.openedParts[part] else { return }
    recording.partOpened(
      record, device: pipeline.id, part: part, role: pipeline.role, isUpdate: isUpdate,
      at: linux_monotonic_ns())
  }

  func setRole(_ role: DeviceRole, of pipeline: DevicePipeline) {
    pipeline.role = role
    recording?.roleChanged(device: pipeline.id, role: role, at: linux_monotonic_ns())
  }

  func recenter() {
    let seen = sources.values.reduce(into: [UInt32: DevicePipeline]()) {
      $0[$1.pipeline.id.number] = $1.pipeline
    }
    for pipeline in seen.values.sorted(by: { $0.id.number < $1.id.number }) {
      pipeline.recenter()
      recording?.recentered(device: pipeline.id, at: linux_monotonic_ns())
    }
  }

  /// Takes what others measured; on the tracking thread.
  func measure(_ measurements: [(PipelineReference, PositionMeasurement)]) {
    let now = Timestamp(nanoseconds: linux_monotonic_ns())
    for (box, measurement) in measurements { box.pipeline.measure(measurement, at: now) }
  }

  /// From the next report on everything is recorded.
  func startRecording(_ tap: RecordingTap) {
    recording = tap
    for pipeline in pipelines.values { pipeline.tap = tap }
    describe(to: tap)
  }

  func stopRecording() {
    for pipeline in pipelines.values { pipeline.tap = nil }
    recording?.close()
    recording = nil
  }

  func splitRecording() { recording?.split(at: linux_monotonic_ns()) }

  /// How every device was opened, and where its tracking stands.
  func describe(to tap: RecordingTap) {
    let now = linux_monotonic_ns()
    for pipeline in pipelines.values.sorted(by: { $0.id.number < $1.id.number }) {
      for (part, record) in pipeline.openedParts.enumerated() {
        guard let record else { continue }
        tap.partOpened(
          record, device: pipeline.id, part: part, role: pipeline.role, isUpdate: false, at: now)
        if !pipeline.isOpen(part: part) { tap.partClosed(device: pipeline.id, part: part, code: 0, at: now) }
      }
      tap.snapshot(pipeline.snapshot, device: pipeline.id, at: now)
    }
  }

  /// Removes all interfaces of a device; on the tracking thread. The transports are closed.
  func detach(_ pipeline: DevicePipeline) {
    for source in sources.values where source.pipeline === pipeline { remove(source) }
  }

  private func remove(_ source: Source, code: Int32 = 0) {
    linux_epoll_remove(epoll, source.transport.fileDescriptor)
    source.pipeline.detach(part: source.part)
    recording?.partClosed(
      device: source.pipeline.id, part: source.part, code: code, at: linux_monotonic_ns())
    source.transport.close()
    sources[source.token] = nil
  }

  private func end(_ token: UInt64, code: Int32) {
    guard let source = sources[token] else { return }
    remove(source, code: code)
    end(source.pipeline, part: source.part, code: code)
  }

  private func end(_ pipeline: DevicePipeline, part: Int, code: Int32) {
    var notice = TrackingEvent(.ended, device: pipeline.id, role: pipeline.role)
    notice.index = UInt64(part)
    notice.value = Float(code)
    notices.push(notice)
  }

  /// The thread's body.
  func run() {
    linux_name_thread("tracking")
    let capacity = 64
    let tokens = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
    let conditions = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
    // The longest report that hidraw delivers is 16 KiB (HID_MAX_BUFFER_SIZE).
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 16)
    defer {
      tokens.deallocate()
      conditions.deallocate()
      buffer.deallocate()
      for source in Array(sources.values) { remove(source) }
      stopRecording()
    }
    while !isStopping.load(ordering: .relaxed) {
      let count = Int(linux_epoll_wait(epoll, tokens, conditions, Int32(capacity), -1))
      for index in 0..<max(0, count) {
        if tokens[index] == 0 {
          openMailbox()
        } else {
          readOne(tokens[index], buffer)
        }
      }
    }
  }

  /// The thread's body when a session is played in place of devices.
  ///
  /// - Parameter onSide: is given frames and audio of the session.
  func run(_ player: SessionPlayer, for manager: DeviceManager, onSide: (SideRecord) -> Void) {
    linux_name_thread("tracking")
    defer { stopRecording() }
    player.run(
      mailbox: (mailboxSignal, openMailbox),
      makePipeline: { [self] opening in
        let pipeline = manager.adopt(opening)
        if let pipeline { register(pipeline) }
        openMailbox()
        return pipeline
      },
      onEvent: { [self] outcome, pipeline in
        let now = linux_monotonic_ns()
        switch outcome {
        case .opened(_, let part, let isUpdate): opened(pipeline, part: part, isUpdate: isUpdate)
        case .closed(_, let part, let code):
          recording?.partClosed(device: pipeline.id, part: part, code: code, at: now)
          end(pipeline, part: part, code: code)
        case .role: recording?.roleChanged(device: pipeline.id, role: pipeline.role, at: now)
        case .recentered: recording?.recentered(device: pipeline.id, at: now)
        case .restored: recording?.snapshot(pipeline.snapshot, device: pipeline.id, at: now)
        case .none: break
        }
      }, onSide: onSide)
  }

  private func readOne(_ token: UInt64, _ buffer: UnsafeMutableRawBufferPointer) {
    guard let source = sources[token] else { return }
    var received = Timestamp(nanoseconds: 0)
    switch source.transport.read(into: buffer, received: &received) {
    case .report(let count):
      // Where the clock is a system call, it is the larger part of a report's cost.
      let begun = source.transport.stampsWhenRead ? received.nanoseconds : linux_monotonic_ns()
      let state = source.pipeline.process(
        part: source.part, UnsafeRawBufferPointer(rebasing: buffer[0..<count]), received: received)
      if state != nil {
        source.pipeline.statistics.latency.record(nanoseconds: linux_monotonic_ns() - begun)
      }
    case .nothing: break
    case .ended(let code): end(token, code: code)
    }
  }

  private func openMailbox() {
    linux_eventfd_drain(mailboxSignal)
    let commands = mailbox.withLock { commands in
      defer { commands = [] }
      return commands
    }
    for command in commands { command(self) }
  }
}
