import BridgeProtocol
import CLinux
import Devices
import Diagnostics
import Logging
import Sensing
import SessionLog
import Spatial
import TrackingPipeline

/// Devices, tracking and recording: from reports to the pose page.
struct TrackingParts: Sendable {
  let page: PosePage
  let loop: TrackingLoop
  let registry: DeviceRegistry
  let manager: DeviceManager
  let recording: RecordingControl
  /// Poses and controls for the socket server.
  let events: EventRing<TrackingEvent>
  /// Annotations and device events for the socket server.
  let inbox: ServerInbox
  let demand = PoseSubscriberCount()

  init(_ context: BridgeAssembly.Context) throws {
    let (configuration, log) = (context.configuration, context.log)
    let catalog = try Self.catalog(configuration, log: log)
    page = try Self.page()
    events = EventRing<TrackingEvent>(capacity: 8192)
    let notices = EventRing<TrackingEvent>(capacity: 1024)
    loop = try TrackingLoop(notices: notices, events: events)
    let registry = DeviceRegistry()
    self.registry = registry
    let recording = RecordingControl(
      loop: loop, configuration: configuration.text(), recordedLog: context.recordedLog, log: log,
      devices: { registry.metrics })
    self.recording = recording
    let inbox = try ServerInbox()
    self.inbox = inbox
    manager = try DeviceManager(
      DeviceManager.Dependencies(
        reporter: DeviceReporter(
          registry: registry, loop: loop, page: page, log: log, announce: { inbox.announce($0) },
          record: { recording.submit($0) }),
        pipelines: DevicePipelineFactory(page: page, events: events, demand: demand), ended: notices),
      catalog: catalog, configuration: configuration)
  }

  private static func page() throws(StartError) -> PosePage {
    do {
      return try PosePage(now: Timestamp(nanoseconds: linux_monotonic_ns()))
    } catch {
      throw StartError(error.code, error.description)
    }
  }

  /// Loads the device descriptions; invalid ones are logged and skipped.
  ///
  /// - Throws: `StartError` when none is usable.
  static func catalog(_ configuration: Configuration, log: Logger) throws -> DeviceCatalog {
    let folders = configuration.descriptionFolders
    do {
      let (catalog, faults) = try folders.load()
      for fault in faults { log.error("\(fault)") }
      guard !catalog.descriptions.isEmpty else {
        throw StartError(
          "descriptions-empty", "no device description in \(folders.all.joined(separator: ", ")) is usable")
      }
      return catalog
    } catch let error as StartError {
      throw error
    } catch {
      throw StartError(
        "descriptions-unreadable",
        "device descriptions cannot be read: \(error.reason); correct --descriptions, VRBRIDGE_DEVICES or 'devices: descriptions', or install the program again"
      )
    }
  }

  /// The tracking loop as a service: it reads devices, or plays the context's session.
  func loopService(
    _ context: BridgeAssembly.Context, willTrack: @escaping @Sendable () -> Void,
    onMedia: @escaping @Sendable (PlayedMedia) -> Void
  ) -> ThreadService {
    let parts = self
    return ThreadService(
      name: "tracking loop",
      run: {
        RecordingFile.start(context.configuration.record.value, parts.recording, log: context.log)
        willTrack()
        if let replay = context.replay {
          parts.loop.run(
            replay, makePipeline: { parts.manager.played.register($0) }, onMedia: onMedia)
        } else {
          Self.prioritise(context)
          parts.loop.run()
        }
        parts.page.markClosed()
        parts.recording.stop()
      },
      stop: {
        parts.loop.stop()
        context.replay?.stop()
      })
  }

  /// Time slice of the tracking thread without real-time priority, ns: the kernel's shortest, so that it preempts all
  /// threads of the bridge.
  private static let slice: Int64 = 100_000
  /// Change of the tracking thread's nice value without real-time priority, where RLIMIT_NICE permits it.
  private static let niceChange: Int32 = -10

  /// Requests real-time priority for the calling thread, which is the tracking thread, or else short time slices.
  private static func prioritise(_ context: BridgeAssembly.Context) {
    let priority = context.configuration.realtimePriority
    // In force where the request for real-time priority is refused.
    _ = linux_short_slice_thread(slice, niceChange)
    guard priority.value > 0 else { return }
    let result = linux_realtime_thread(Int32(priority.value))
    // The default priority is a request; a configured one is expected.
    guard result != 0, priority.source != "default" else { return }
    context.log.warning(
      "the tracking thread has no real-time priority (\(errorText(result))); allow it with LimitRTPRIO in a unit, or 'rtprio' in /etc/security/limits.conf"
    )
  }
}
