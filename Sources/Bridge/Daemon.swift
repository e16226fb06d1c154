import BridgeProtocol
import CLinux
import Cameras
import Devices
import Dialogue
import Foundation
import Glibc
import Imaging
import Inference
import Logging
import Perception
import Sensing
import ServiceLifecycle
import Spatial
import Speech
import StrictYAML
import Synchronization

/// The bridge: tracking loop, devices and socket, wired together.
public final class Daemon: Sendable {
  private let page: PosePage
  private let loop: TrackingLoop
  private let manager: DeviceManager
  private let server: SocketServer
  private let configuration: Configuration
  private let log: Logger
  public let recording: RecordingControl
  /// Frames of the configured cameras.
  public let cameras: CameraService
  /// The models, for perception and for services.
  public let models: ModelHost
  private let replay: SessionPlayer?
  private let events: EventRing<TrackingEvent>
  private let pulse = LoopPulse()
  private let scene = SceneMemory()
  private let numbers = AnnotationNumbers()
  private let speech: SpeechService
  private let microphones: MicrophoneService
  /// What was seen and heard, to clients and the recording.
  private let publish: @Sendable ([Annotation]) -> Void
  /// What there is to show.
  public let live: LiveSource
  public let socketPath: String

  /// Loads descriptions, binds the socket and makes the pose page; nothing runs yet.
  ///
  /// - Parameters:
  ///   - replay: a session to be played in place of devices.
  ///   - remote: runs models that a server has.
  ///   - language: answers questions.
  ///   - recogniser: turns speech into text in place of the registry's.
  public init(
    _ configuration: Configuration, log: Logger, replay: SessionPlayer? = nil,
    remote: (any InferenceEngine)? = nil, language: (any LanguageModel)? = nil,
    recogniser: (any SpeechRecogniser)? = nil
  ) throws {
    let recordedLog = RecordedLog()
    var log = log
    let tail = LogTail()
    log.handler = RecordingLogHandler(inner: log.handler, recorded: recordedLog, tail: tail)
    self.configuration = configuration
    self.log = log
    self.replay = replay
    let catalog = try Self.loadCatalog(configuration, log: log)
    page = try Self.makePage()
    let events = EventRing(
      capacity: 8192, empty: TrackingEvent(.pose, device: DeviceID(0), role: .none))
    self.events = events
    let notices = EventRing(
      capacity: 256, empty: TrackingEvent(.ended, device: DeviceID(0), role: .none))
    let demand = PoseDemand()
    loop = try TrackingLoop(events: events, notices: notices)
    let relay = AnnouncementRelay()
    let manager = try DeviceManager(
      loop: loop, page: page, events: events, notices: notices, demand: demand, catalog: catalog,
      configuration: configuration, log: log, announce: { relay.send($0) })
    self.manager = manager
    let recording = RecordingControl(
      loop: loop, configuration: configuration, recordedLog: recordedLog, log: log,
      figures: { manager.figures })
    self.recording = recording
    cameras = CameraService(
      settings: configuration.cameras.value, scene: try Self.scene(configuration, replay, log: log),
      recording: recording, log: log,
      head: { [page] in manager.pose(of: .head, $0, page) }, places: { manager.places })
    let cameras = cameras
    let relayed = AnnotationRelay()
    let scene = scene
    let policy = AnnotationPolicy(configuration.annotations.value)
    let publish: @Sendable ([Annotation]) -> Void = { relayed.publish(scene.note(policy.apply($0))) }
    self.publish = publish
    let models = configuration.models.value.host(stateFolder: configuration.stateFolder, remote: remote) {
      [log] in log.notice("\($0)")
    }
    self.models = models
    let speech = SpeechService(
      settings: configuration.speech.value, language: configuration.language.value, model: language,
      template: try Self.template(configuration), policy: configuration.annotations.value,
      models: configuration.speech.value.models(
        configuration.models.value, stateFolder: configuration.stateFolder),
      remote: recogniser, host: models, scene: scene, numbers: numbers,
      guesser: IntentModel(host: models, log: log),
      actions: SpeechActions(
        recenter: { manager.recenter() },
        startRecording: {
          let plan = RecordingPlan(
            path: Self.newRecording(configuration), streams: RecordedStream.standard)
          do throws(RecordingFault) { try recording.start(plan) } catch { return .failure(error) }
          return .success(plan.path)
        },
        stopRecording: { recording.requestStop() },
        head: { [page] in manager.pose(of: .head, $0, page) },
        picture: { cameras.picture(of: $0) }, publish: publish,
        recordPrompt: { text, time in
          if recording.records(.microphone) { recording.submit(.prompt(text, at: time)) }
        }), log: log)
    self.speech = speech
    microphones = MicrophoneService(
      names: replay == nil ? configuration.speech.value.microphones : [], recording: recording, log: log,
      places: { manager.places }, isListening: { speech.listens($0, $1) }, hear: { speech.hear($0) })
    server = try SocketServer(
      options: SocketServer.Options(
        path: configuration.socketPath.value, group: configuration.socketGroup.value,
        maximumClients: configuration.maximumClients.value),
      access: configuration.access.value, events: events, demand: demand,
      handler: RequestHandler(
        page: page,
        devices: { manager.messages },
        haptic: { manager.haptic($0) }, light: { manager.light($0) },
        setRole: { manager.setRole($0, $1) },
        recenter: { manager.recenter() },
        measure: { manager.measure($0) },
        recording: recording,
        speech: SpeechRequests(
          hold: { speech.hold($0) }, ask: { speech.ask($0) },
          explain: { await speech.explain($0, at: Timestamp(nanoseconds: linux_monotonic_ns())) },
          forget: { speech.forget() }),
        log: log),
      onFirstSubscription: { manager.clientSubscribed() },
      log: log)
    manager.onWrite = { [recording] in recording.submit($0) }
    server.onDeviceEvent = { manager.note($0) }
    var button: TalkButton?
    if configuration.speech.value.activation == .button {
      button = TalkButton(path: configuration.speech.value.button, devices: { manager.messages })
    }
    let shownAnnotations = Broadcast<[Annotation]>(depth: 512)
    let shownControls = Broadcast<LiveSource.ControlEvent>(depth: 4096)
    server.onControl = { [button] event in
      if let isHeld = button?.state(event) { speech.hold(isHeld) }
      guard shownControls.isHeard, let shown = LiveSource.ControlEvent(event, devices: manager.messages)
      else { return }
      shownControls.send(shown)
    }
    relayed.connect { [server] annotations in
      server.publish(annotations)
      shownAnnotations.send(annotations)
      let wanted = annotations.filter { recording.records($0.kind.isSpeech ? .microphone : .annotations) }
      for record in RecordedAnnotations.records(wanted) { recording.submit(record) }
    }
    relay.connect(server)
    socketPath = configuration.socketPath.value
    live = LiveSource(
      manager: manager, page: page, cameras: cameras,
      scopes: { [server] in server.scopes(user: $0, group: $1) },
      makeRecordingPath: { Self.newRecording(configuration) }, annotations: shownAnnotations,
      controls: shownControls, log: tail, recording: recording, models: models)
    if configuration.lockMemory.value {
      let result = linux_lock_memory()
      if result != 0 {
        log.warning(
          "memory can't be locked (\(errorText(result))); raise LimitMEMLOCK or unset 'lock_memory'")
      }
    }
  }

  /// The scene that stands in for a camera in demonstrations.
  private static func scene(
    _ configuration: Configuration, _ replay: SessionPlayer?, log: Logger
  ) throws -> DrawnScene? {
    guard configuration.demo.value != .never, configuration.cameras.value.isEmpty, replay == nil,
      !configuration.perception.value.tasks.isEmpty
    else { return nil }
    do throws(PictureFault) { return try DrawnScene(pictures: configuration.pictures.value) } catch {
      log.warning("there is no drawn scene to look at: \(error)")
      return nil
    }
  }

  private static func makePage() throws(StartError) -> PosePage {
    do {
      return try PosePage(now: Timestamp(nanoseconds: linux_monotonic_ns()))
    } catch {
      throw StartError("the kernel gives no shared memory: \(errorText(error.code))")
    }
  }

  static func loadCatalog(_ configuration: Configuration, log: Logger) throws -> DeviceCatalog {
    let folder = configuration.descriptions.value
    do {
      let (catalog, faults) = try DeviceCatalog.load(folder: folder)
      for fault in faults { log.error("\(fault)") }
      guard !catalog.descriptions.isEmpty else {
        throw StartError("no device description in \(folder) can be used")
      }
      return catalog
    } catch let error as StartError {
      throw error
    } catch {
      throw StartError(
        "the device descriptions in \(folder) can't be read; set VRBRIDGE_DEVICES or 'devices: descriptions'")
    }
  }

  public static let metricsType = OpenMetricsText.type

  /// What is counted, in OpenMetrics' text.
  public func metrics() async -> String {
    let (server, events) = (server, events)
    return await BridgeMetrics(
      manager: manager, recording: recording, models: models, microphones: microphones,
      clients: { server.clientCount.load(ordering: .relaxed) }, lostEvents: { events.dropped },
      delivery: server.latency
    ).text()
  }

  /// Why the bridge can't do its work now; nil when it can.
  public var problem: String? { pulse.look(loop) }

  /// The parts as services; on shutdown the last goes first, so that what was tracked reaches the clients.
  public var services: [any Service] {
    var gestures: GestureService?
    if configuration.perception.value.tasks.contains(.gestures) {
      gestures = GestureService(
        store: GestureStore(folder: Self.gestureFolder(stateFolder: configuration.stateFolder)),
        network: configuration.perception.value.movements == .network ? models : nil, numbers: numbers,
        pose: { [manager, page] in manager.pose(of: $0, $1, page) }, publish: publish, log: log)
    }
    let perception = PerceptionService(
      settings: configuration.perception.value, host: models, cameras: cameras, numbers: numbers,
      gestures: gestures, publish: publish, log: log)
    var services: [any Service] = [
      ThreadService(name: "socket server", run: server.run, stop: server.stop),
      ThreadService(
        name: "tracking loop",
        run: { [self] in
          startConfiguredRecording()
          // Taken when the loop begins: who asks first need not ask twice.
          _ = problem
          if let replay {
            loop.run(replay, for: manager) { played($0) }
          } else {
            prioritise()
            loop.run()
          }
          page.markClosed()
          recording.stop()
        },
        stop: { [loop, replay] in
          loop.stop()
          replay?.stop()
        }),
      ThreadService(name: "device manager", run: manager.run, stop: manager.stop),
      ThreadService(name: "cameras", run: cameras.run, stop: cameras.stop),
      perception,
      speech,
      // Goes before what listens to it.
      ThreadService(name: "microphones", run: microphones.run, stop: microphones.stop),
    ]
    if let gestures { services.append(gestures) }
    return services
  }

  /// Where examples of gestures are.
  public static func gestureFolder(stateFolder: String) -> String { stateFolder + "/gestures" }

  /// What a session holds beside reports goes where it would have come from.
  private func played(_ record: SideRecord) {
    recording.submit(record)
    if case .lens(let model, let camera, _) = record { return cameras.play(model, of: camera) }
    if case .audio(let data, let rate, let channels, let microphone, let captured, let received) = record {
      guard rate == UInt32(AudioBlock.rate), channels == 1 else { return }
      let shift = linux_monotonic_ns() &- received.nanoseconds
      var samples = [Int16](repeating: 0, count: data.count / 2)
      _ = samples.withUnsafeMutableBytes { data.copyBytes(to: $0) }
      // Recorded already, above, as it was.
      return speech.hear(
        AudioBlock(
          microphone: microphone, samples: samples.map { Int16(littleEndian: $0) },
          captured: captured.advanced(byNanoseconds: shift), received: received.advanced(byNanoseconds: shift)
        ))
    }
    guard case .image(let data, let format, let camera, let captured, let received) = record, format == "jpeg"
    else { return }
    // Poses of a session that is played are those of now; so are its frames.
    let shift = linux_monotonic_ns() &- received.nanoseconds
    cameras.play(
      CameraFrame(
        camera: camera, format: .mjpeg, width: 0, height: 0, stride: 0, bytes: Array(data),
        captured: captured.advanced(byNanoseconds: shift), received: received.advanced(byNanoseconds: shift)))
  }

  private static func template(_ configuration: Configuration) throws -> PromptTemplate {
    do throws(PromptFault) {
      guard let file = configuration.language.value.template else {
        return try PromptTemplate(PromptTemplate.standard, name: "built in")
      }
      return try PromptTemplate(file: file)
    } catch { throw StartError(error.description) }
  }

  /// Where a recording goes that somebody asks for without a name.
  private static func newRecording(_ configuration: Configuration) -> String {
    let folder =
      configuration.record.value.map { URL(fileURLWithPath: $0.path).deletingLastPathComponent().path }
      ?? configuration.stateFolder + "/recordings"
    try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.dateFormat = "yyyyMMdd-HHmmss"
    return "\(folder)/\(format.string(from: Date())).mcap"
  }

  /// Asks that the tracking thread, which this is, goes before others.
  private func prioritise() {
    let priority = configuration.realtimePriority
    guard priority.value > 0 else { return }
    let result = linux_realtime_thread(Int32(priority.value))
    // Who did not ask for it misses nothing that they were promised.
    guard result != 0, priority.source != "default" else { return }
    log.warning(
      "the tracking thread has no real-time priority (\(errorText(result))); allow it with LimitRTPRIO in a unit, or 'rtprio' in /etc/security/limits.conf"
    )
  }

  private func startConfiguredRecording() {
    guard var plan = configuration.record.value else { return }
    var now = time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    var buffer = [CChar](repeating: 0, count: 4096)
    // 0 for a name that does not fit, or for an empty one.
    if strftime(&buffer, buffer.count, plan.path, &parts) > 0 {
      plan.path = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    let folder = URL(fileURLWithPath: plan.path).deletingLastPathComponent()
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    do { try recording.start(plan) } catch { log.error("the recording does not begin: \(error)") }
  }

  /// Adds a device that a program plays; for benchmarks and tests.
  package func attach(_ match: DeviceCatalog.Match, _ transport: any Transport) {
    manager.post { $0.attach(match, transport) }
  }

  /// Reads descriptions and configuration again; what can't change in flight (socket, priorities) is named.
  public func reload(_ new: Configuration) {
    do {
      let catalog = try Self.loadCatalog(new, log: log)
      manager.reload(catalog: catalog, configuration: new)
      server.update(access: new.access.value)
      if new.socketPath != configuration.socketPath || new.realtimePriority != configuration.realtimePriority
      {
        log.notice("changes of socket and tracking take effect after a restart")
      }
      log.notice(
        "descriptions and configuration read again", metadata: ["families": "\(catalog.descriptions.count)"])
    } catch {
      log.error("reload refused, the old configuration stays in force: \(error)")
    }
  }
}

/// Runs a blocking loop on a thread of its own as a service.
struct ThreadService: Service {
  let name: String
  let run: @Sendable () -> Void
  let stop: @Sendable () -> Void

  init(name: String, run: @escaping @Sendable () -> Void, stop: @escaping @Sendable () -> Void) {
    self.name = name
    self.run = run
    self.stop = stop
  }

  func run() async throws {
    let thread = WorkerThread(name: name, run)
    await withTaskCancellationOrGracefulShutdownHandler {
      await thread.ended()
    } onCancelOrGracefulShutdown: {
      stop()
    }
  }
}
