import CLinux
import Devices
import Glibc
import Sensing
import Spatial
import Synchronization
import Tracking

/// The thread that reads devices: epoll → read → decode → calibrate → fuse → publish.
///
/// After warm-up nothing on it allocates, locks, logs or awaits. Rare changes arrive through a mailbox, whose lock is
/// taken only while commands wait; external pose measurements through a ring without a lock.
///
/// `@unchecked Sendable`: `sources` belongs to the tracking thread; everything else is constant or synchronised.
package final class TrackingLoop: @unchecked Sendable {
  /// A change, run on the tracking thread between reports.
  package typealias Command = @Sendable (TrackingLoop) -> Void

  private struct Source {
    var token: UInt64
    var transport: any Transport
    var pipeline: DevicePipeline
    var part: Int
  }

  private let epoll: Int32
  /// Readable when commands or measurements wait.
  private let wake: Int32
  private let mailbox = CommandMailbox<Command>(capacity: 1024)
  private let measurements = EventRing<SubmittedMeasurement>(
    capacity: TrackingLoop.measurementCapacity,
    empty: SubmittedMeasurement(
      PoseMeasurement(captured: Timestamp(nanoseconds: 0), position: .zero, positionNoise: 1),
      device: DeviceID(0), slot: 0))
  /// Makes the submitting threads one producer. The tracking thread never takes it.
  private let submitting = Mutex(())
  private let unmatchedMeasurements = Atomic<UInt64>(0)
  /// The tracking thread while it runs; 0 otherwise.
  private let thread = Atomic<UInt>(0)
  private let isStopping = Atomic<Bool>(false)
  /// Ended interfaces, for the device registry.
  private let notices: EventRing<TrackingEvent>
  /// What the pipelines push to.
  private let events: EventRing<TrackingEvent>?
  private var sources: [UInt64: Source] = [:]
  private var nextToken: UInt64 = 1
  /// Every device that was ever attached, by its slot.
  private var pipelines: [Int: DevicePipeline] = [:]
  private var recording: RecordingTap?

  /// - Parameter events: the ring of the pipelines' outputs; its consumer is woken when no more reports are ready.
  package init(
    notices: EventRing<TrackingEvent>, events: EventRing<TrackingEvent>? = nil
  ) throws(TransportError) {
    epoll = linux_epoll_create()
    wake = linux_eventfd()
    guard epoll >= 0, wake >= 0 else { throw TransportError("create epoll", code: epoll) }
    self.notices = notices
    self.events = events
    linux_epoll_add(epoll, wake, 0, 0)
  }

  deinit {
    Glibc.close(epoll)
    Glibc.close(wake)
  }

  // MARK: from any thread

  /// Turns after which events are announced although more reports are ready: about a tenth of a millisecond.
  private static let turnsPerBatch = 8

  /// Measurements that wait at most: four seconds of one device at the rate that clients are allowed.
  package static let measurementCapacity = 2048

  /// Posts a command. Waits while 1024 commands wait; commands run in order.
  ///
  /// - Returns: false when the loop has ended and the command will not run.
  @discardableResult
  package func post(_ command: @escaping Command) -> Bool {
    let isOwn = thread.load(ordering: .relaxed) == UInt(pthread_self())
    guard mailbox.post(command, mayWait: !isOwn) else { return false }
    linux_eventfd_signal(wake)
    return true
  }

  /// Posts a command unless the mailbox is full.
  ///
  /// - Returns: whether the command will run.
  @discardableResult
  package func offer(_ command: @escaping Command) -> Bool {
    guard mailbox.offer(command) else { return false }
    linux_eventfd_signal(wake)
    return true
  }

  /// Submits external pose measurements: all, or none when the ring has no room for all. They are fused in order,
  /// after every command that was posted before.
  ///
  /// - Returns: whether the measurements were accepted; those that were not are counted as dropped.
  package func submit(_ list: [SubmittedMeasurement]) -> Bool {
    guard submitting.withLock({ _ in measurements.push(contentsOf: list) }) else { return false }
    linux_eventfd_signal(wake)
    return true
  }

  /// Submits one external pose measurement.
  package func submit(_ measurement: SubmittedMeasurement) -> Bool { submit([measurement]) }

  /// Measurements that found no room, or whose device was gone.
  package var droppedMeasurements: UInt64 {
    measurements.dropped + unmatchedMeasurements.load(ordering: .relaxed)
  }

  /// Makes `run` return after the current report.
  package func stop() {
    isStopping.store(true, ordering: .relaxed)
    linux_eventfd_signal(wake)
  }

  // MARK: devices; on the tracking thread

  /// Adds an open interface.
  ///
  /// - Returns: its token.
  @discardableResult
  package func attach(_ transport: any Transport, to pipeline: DevicePipeline, part: Int) -> UInt64 {
    let token = nextToken
    nextToken += 1
    sources[token] = Source(token: token, transport: transport, pipeline: pipeline, part: part)
    if linux_epoll_add(epoll, transport.fileDescriptor, token, 0) != 0 {
      end(token, code: EBADF)
    }
    return token
  }

  // MARK: recording; on the tracking thread

  /// Registers a device before its first interface is attached.
  package func register(_ pipeline: DevicePipeline) {
    if let earlier = pipelines[pipeline.slot], earlier !== pipeline { earlier.tap = nil }
    pipelines[pipeline.slot] = pipeline
    pipeline.tap = recording
  }

  package func opened(_ pipeline: DevicePipeline, part: Int, isUpdate: Bool) {
    guard let recording, let record = pipeline.openedParts[part] else { return }
    recording.partOpened(
      record, device: pipeline.id, part: part, role: pipeline.role, isUpdate: isUpdate,
      at: linux_monotonic_ns())
  }

  package func setRole(_ role: DeviceRole, of pipeline: DevicePipeline) {
    pipeline.role = role
    recording?.roleChanged(device: pipeline.id, role: role, at: linux_monotonic_ns())
  }

  package func recenter() {
    let open = sources.values.reduce(into: [UInt32: DevicePipeline]()) {
      $0[$1.pipeline.id.number] = $1.pipeline
    }
    for pipeline in open.values.sorted(by: { $0.id.number < $1.id.number }) {
      pipeline.recenter()
      recording?.recentered(device: pipeline.id, at: linux_monotonic_ns())
    }
  }

  /// Records from the next report on.
  package func startRecording(_ tap: RecordingTap) {
    recording = tap
    for pipeline in pipelines.values { pipeline.tap = tap }
    describe(to: tap)
  }

  package func stopRecording() {
    for pipeline in pipelines.values { pipeline.tap = nil }
    recording?.close()
    recording = nil
  }

  package func splitRecording() { recording?.split(at: linux_monotonic_ns()) }

  /// Writes every device's open parts and a snapshot of its tracking to the tap.
  package func describe(to tap: RecordingTap) {
    let now = linux_monotonic_ns()
    for pipeline in pipelines.values.sorted(by: { $0.id.number < $1.id.number }) {
      for (part, record) in pipeline.openedParts.enumerated() {
        guard let record else { continue }
        tap.partOpened(
          record, device: pipeline.id, part: part, role: pipeline.role, isUpdate: false, at: now)
        if !pipeline.isOpen(part: part) { tap.partClosed(device: pipeline.id, part: part, code: 0, at: now) }
      }
      tap.snapshot(pipeline.snapshot, device: pipeline.id, at: now)
      pipeline.describeLimitations(to: tap, at: Timestamp(nanoseconds: now))
    }
  }

  /// Removes all interfaces of a device and closes their transports.
  package func detach(_ pipeline: DevicePipeline) {
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
    notices.push(TrackingEvent(ended: part, errno: code, device: pipeline.id, role: pipeline.role))
  }

  /// The thread's body: reads devices until `stop`.
  package func run() {
    start()
    let capacity = 64
    let tokens = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
    let conditions = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
    // The longest report that hidraw delivers is 16 KiB (HID_MAX_BUFFER_SIZE).
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 16)
    defer {
      tokens.deallocate()
      conditions.deallocate()
      buffer.deallocate()
      finish()
    }
    // Turns whose events were not announced yet.
    var turns = 0
    while !isStopping.load(ordering: .relaxed) {
      let count = Int(linux_epoll_wait(epoll, tokens, conditions, Int32(capacity), turns == 0 ? -1 : 0))
      if count > 0 {
        events?.beginBatch()
        for index in 0..<count {
          if tokens[index] == 0 {
            serve()
          } else {
            readOne(tokens[index], buffer)
          }
        }
        turns += 1
        // A burst of several devices wakes the consumer once: while more reports are ready, its events wait.
        if turns < Self.turnsPerBatch, let events, !events.isEmpty { continue }
      }
      events?.endBatch()
      turns = 0
    }
    events?.endBatch()
  }

  /// The thread's body when a session is played in place of devices.
  ///
  /// - Parameters:
  ///   - makePipeline: makes or finds the pipeline of a recorded device.
  ///   - onMedia: receives frames, audio and camera models of the session at their times.
  package func run(
    _ player: SessionPlayer, makePipeline: @escaping PipelineFactory, onMedia: (PlayedMedia) -> Void
  ) {
    start()
    defer { finish() }
    player.run(
      mailbox: (wake, serve),
      makePipeline: { [self] opening in
        let pipeline = makePipeline(opening)
        if let pipeline { register(pipeline) }
        serve()
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
      }, onMedia: onMedia)
  }

  private func readOne(_ token: UInt64, _ buffer: UnsafeMutableRawBufferPointer) {
    guard let source = sources[token] else { return }
    var received = Timestamp(nanoseconds: 0)
    switch source.transport.read(into: buffer, received: &received) {
    case .report(let count):
      // On machines where reading the clock is a system call, that call dominates the cost of a report.
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

  private func start() {
    linux_name_thread("tracking")
    thread.store(UInt(pthread_self()), ordering: .relaxed)
  }

  /// Runs the commands that still wait, closes all interfaces and ends a recording.
  private func finish() {
    for command in mailbox.close() { command(self) }
    for source in Array(sources.values) { remove(source) }
    stopRecording()
    thread.store(0, ordering: .relaxed)
  }

  /// Runs commands and fuses measurements.
  private func serve() {
    linux_eventfd_drain(wake)
    // Read before the commands: a measurement up to here was submitted after its device's registration was posted.
    let newest = measurements.end
    for command in mailbox.takeAll() { command(self) }
    var now: Timestamp?
    while let entry = measurements.pop(before: newest) {
      guard let pipeline = pipelines[Int(entry.slot)], pipeline.id.number == entry.device else {
        unmatchedMeasurements.add(1, ordering: .relaxed)
        continue
      }
      let time = now ?? Timestamp(nanoseconds: linux_monotonic_ns())
      now = time
      pipeline.measure(entry.measurement, at: time)
    }
  }
}
