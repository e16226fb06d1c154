import Authorisation
import Cameras
import CLinux
import Devices
import LiveState
import Logging
import ServiceLifecycle
import Sensing
import SessionLog
import TrackingPipeline

/// All parts of a bridge, built one subsystem after another. Each builder receives the subsystems before it; nothing runs.
struct BridgeAssembly: Sendable {
  /// What all builders read.
  struct Context: Sendable {
    let configuration: Configuration
    /// Also writes to the recording and to `channels.log`.
    let log: Logger
    let recordedLog: RecordedLog
    let channels: LiveChannels
    /// A session that is played in place of devices.
    let replay: SessionPlayer?

    init(_ configuration: Configuration, log: Logger, replay: SessionPlayer?) {
      let (recordedLog, channels) = (RecordedLog(), LiveChannels())
      var log = log
      log.handler = RecordingLogHandler(inner: log.handler, recorded: recordedLog, tail: channels.log)
      self.configuration = configuration
      self.log = log
      self.recordedLog = recordedLog
      self.channels = channels
      self.replay = replay
    }
  }

  let context: Context
  let tracking: TrackingParts
  let perception: PerceptionParts
  let speech: SpeechParts
  let server: SocketServer

  /// Loads descriptions, binds the socket and creates the pose page.
  ///
  /// - Throws: a `CodedError` of the part that cannot be built.
  init(_ context: Context, clients: RemoteClients) throws {
    self.context = context
    tracking = try TrackingParts(context)
    let processes =
      clients.processes
      ?? ConfinedProcesses(
        context.configuration.sandbox.value, context.configuration.models.value, log: context.log)
    perception = try PerceptionParts(context, tracking, processes, engine: clients.engine)
    speech = try SpeechParts(context, tracking, perception, clients: clients)
    server = try Self.server(context, tracking, perception, speech)
    lockMemory()
  }

  private static func server(
    _ context: Context, _ tracking: TrackingParts, _ perception: PerceptionParts, _ speech: SpeechParts
  ) throws -> SocketServer {
    let configuration = context.configuration
    let (channels, manager) = (context.channels, tracking.manager)
    return try SocketServer(
      SocketServer.Options(
        path: configuration.socketPath.value, group: configuration.socketGroup.value,
        maximumClients: configuration.maximumClients.value),
      access: configuration.access.value,
      SocketServer.Dependencies(
        events: tracking.events, inbox: tracking.inbox, demand: tracking.demand,
        handler: RequestHandler(
          page: tracking.page, devices: manager, recording: tracking.recording, speech: speech.requests,
          frames: FrameRequests(submit: perception.cameras.submit), policy: configuration.accessPolicy,
          log: context.log),
        onControl: { event in
          speech.receive(event)
          channels.publish(event) { manager.statuses }
        }, onDeviceEvent: { manager.handle($0) }, onFirstSubscription: { manager.clientSubscribed() },
        log: context.log))
  }

  private func lockMemory() {
    guard context.configuration.lockMemory.value else { return }
    let result = linux_lock_memory()
    guard result != 0 else { return }
    context.log.warning(
      "memory cannot be locked (\(errorText(result))); raise LimitMEMLOCK or unset 'lock_memory'")
  }

  /// The state that outputs read.
  ///
  /// - Parameter problem: why the bridge cannot do its work; nil while it can.
  func state(problem: @escaping @Sendable () -> String?) -> LiveBridgeState {
    let (configuration, server) = (context.configuration, server)
    return LiveBridgeState(
      manager: tracking.manager, page: tracking.page, cameras: perception.cameras, models: perception.models,
      recordingControl: tracking.recording, channels: context.channels,
      policy: LiveBridgeState.Policy(
        access: ClientAccess(policy: configuration.accessPolicy) {
          // The highest number belongs to nobody: the kernel takes it for "none" (chown(2)).
          server.scopes(user: $0 ?? .max, group: .max)
        },
        recordingPath: { RecordingFile.new(configuration) }, problem: problem))
  }

  /// The parts as services. On shutdown the last one stops first: tracked states still reach the clients.
  ///
  /// - Parameter willTrack: called on the tracking thread before its loop begins.
  func services(willTrack: @escaping @Sendable () -> Void) -> [any Service] {
    let media = PlayedMediaInput(
      recording: tracking.recording, cameras: perception.cameras, speech: speech.service)
    return [
      ThreadService(name: "socket server", run: server.run, stop: server.stop),
      tracking.loopService(context, willTrack: willTrack, onMedia: { media.play($0) }),
      ThreadService(name: "device manager", run: tracking.manager.run, stop: tracking.manager.stop),
      ThreadService(name: "cameras", run: perception.cameras.run, stop: perception.cameras.stop),
      perception.service(context, tracking),
      speech.service,
      MemoryService(),
      // Stops before the speech service, which receives its sound.
      ThreadService(name: "microphones", run: speech.microphones.run, stop: speech.microphones.stop),
    ]
  }
}
