public import Authorisation
import Synchronization
import BridgeProtocol
import Cameras
import Devices
import Diagnostics
public import Imaging
import Inference
public import LiveState
import Logging
import ServiceLifecycle
import TrackingPipeline

/// The bridge: devices, tracking, perception, speech and the socket, as services.
public final class Daemon: Sendable {
  private let parts: BridgeAssembly
  private let watchdog = LoopWatchdog()
  /// The state that outputs read.
  public let live: any BridgeState

  /// Loads descriptions, binds the socket and creates the pose page; nothing runs yet.
  ///
  /// - Parameters:
  ///   - replay: a session that is played in place of devices.
  ///   - clients: of other servers.
  /// - Throws: a `CodedError` of the part that cannot be built.
  public init(
    _ configuration: Configuration, log: Logger, replay: SessionPlayer? = nil,
    clients: RemoteClients = RemoteClients()
  ) throws {
    let parts = try BridgeAssembly(
      BridgeAssembly.Context(configuration, log: log, replay: replay), clients: clients)
    self.parts = parts
    let watchdog = watchdog
    live = parts.state { watchdog.check(parts.tracking.loop) }
  }

  public var recording: RecordingControl { parts.tracking.recording }
  /// Frames of the configured cameras.
  public var cameras: CameraService { parts.perception.cameras }
  /// Scopes of users, and the policy that decides on the actions of all clients.
  public var access: ClientAccess { live.access }
  /// The models, for perception and for services.
  public var models: ModelHost { parts.perception.models }
  /// Decodes pictures that clients send.
  public var pictures: PictureDecoder { parts.perception.processes.decoders.uploads }
  public var socketPath: String { parts.context.configuration.socketPath.value }

  public static let metricsType = OpenMetricsText.type

  /// Returns all counts and durations in OpenMetrics' text format.
  public func metrics() async -> String {
    let (tracking, server) = (parts.tracking, parts.server)
    return await BridgeMetrics(
      registry: tracking.registry, loop: tracking.loop, recording: tracking.recording, models: models,
      microphones: parts.speech.microphones, speech: parts.speech.service,
      clients: { server.clientCount.load(ordering: .relaxed) }, lostEvents: { tracking.events.dropped },
      delivery: server.latency, processes: parts.perception.processes
    ).text()
  }

  /// Why the bridge cannot do its work at present; nil while it can.
  public var problem: String? {
    watchdog.check(parts.tracking.loop) ?? parts.perception.processes.problem
  }

  /// The parts as services. On shutdown the last one stops first: tracked states still reach the clients.
  public var services: [any Service] {
    // The watchdog's first check begins with the loop: the first reader of `problem` need not ask twice.
    parts.services { [self] in _ = problem }
  }

  /// Adds a device that a program plays; for benchmarks and tests.
  package func attach(_ match: DeviceCatalog.Match, _ transport: any Transport) {
    parts.tracking.manager.attach(match, transport)
  }

  /// Reads descriptions and configuration again. Socket and priority keep their values until a restart, which is logged.
  public func reload(_ new: Configuration) {
    let (configuration, log) = (parts.context.configuration, parts.context.log)
    do {
      let catalog = try TrackingParts.catalog(new, log: log)
      parts.tracking.manager.reload(catalog: catalog, configuration: new)
      parts.server.update(access: new.access.value)
      if new.socketPath != configuration.socketPath || new.realtimePriority != configuration.realtimePriority
      {
        log.notice("changes of socket and tracking take effect after a restart")
      }
      log.notice(
        "descriptions and configuration read again", metadata: ["families": "\(catalog.descriptions.count)"])
    } catch {
      log.error("reload failed, the previous configuration stays active: \(error.printed)")
    }
  }
}
