import Authorisation
import LiveState
import NIOCore
import Sensing
import Spatial
import Synchronization

/// The lines of `/live` for one page. Lines are made on demand: a slow reader gets fewer.
actor LiveStream {
  private let state: any BridgeState
  private let rights: Rights
  private let version: String
  private let cameras: LatestFrameCache
  private let isStopping: @Sendable () -> Bool
  private let onEnd: @Sendable () -> Void
  private let queue: AnnotationQueue
  private let encoder = LiveLineEncoder()
  private var turn = 0
  private var logged = 0

  /// Time between lines, and lines from one with all slow values to the next.
  static let period = Duration.milliseconds(50)
  private static let slowEvery = 10

  init(
    state: any BridgeState, rights: Rights, version: String, cameras: LatestFrameCache,
    isStopping: @escaping @Sendable () -> Bool, onEnd: @escaping @Sendable () -> Void
  ) {
    self.state = state
    self.rights = rights
    self.version = version
    self.cameras = cameras
    self.isStopping = isStopping
    self.onEnd = onEnd
    queue = AnnotationQueue(state.channels.annotations.subscribe())
  }

  deinit { onEnd() }

  /// Returns the next line; nil when the bridge stops.
  func next() async -> ByteBuffer? {
    defer { turn += 1 }
    if turn > 0 {
      do { try await Task.sleep(for: Self.period) } catch { return nil }
      if isStopping() { return nil }
    }
    // A line of finite and named values can always be encoded.
    return try? encoder.encode(await line())
  }

  private func permits(_ data: Action.Data) -> Bool {
    state.access.policy.permits(.receive(data), by: rights)
  }

  private func line() async -> LiveLine {
    var line = LiveLine(time: state.now.nanoseconds)
    if turn == 0 {
      let names = Scope.allCases.filter { rights.scopes.contains($0) }.map(\.rawValue)
      line.hello = LiveLine.Hello(version: version, scopes: names)
      return line
    }
    let devices = permits(.poses) ? state.devices : []
    if !devices.isEmpty { line.poses = poses(devices) }
    let permitted = queue.takeAll().filter { permits(Action.Data($0.kind)) }
    if !permitted.isEmpty { line.annotations = permitted.map { LiveAnnotation($0) } }
    if turn % Self.slowEvery == 1 { await addSlow(&line, devices) }
    return line
  }

  private func poses(_ devices: [DeviceStatus]) -> [LivePose] {
    devices.filter(\.isConnected).compactMap { device in
      guard let newest = state.state(of: device) else { return nil }
      // The pose of now: the newest sample of a slow device is older than those of others.
      return LivePose(state.state(of: device, at: state.now) ?? newest, of: device)
    }
  }

  private func addSlow(_ line: inout LiveLine, _ devices: [DeviceStatus]) async {
    if permits(.poses) {
      line.devices = devices.map { LiveDevice($0) }
      let now = state.now
      line.figures = devices.map { LiveMetrics($0, at: now) }
    }
    if permits(.activity) {
      line.recording = LiveLine.Recording(state.recording)
      line.models = await state.modelActivity.map { LiveLine.Model($0) }
    }
    if permits(.frames) { line.cameras = cameras.names }
    if permits(.log) {
      let lines = state.channels.log.lines(after: logged)
      logged = lines.last?.number ?? logged
      if !lines.isEmpty { line.log = lines.map { LiveLine.LogLine($0) } }
    }
    line.problem = state.problem
  }
}

/// Annotations published since the last line. Policy: `dropOldest` beyond 1,000.
private final class AnnotationQueue: Sendable {
  private final class Storage: Sendable {
    let annotations = Mutex<[Annotation]>([])
  }
  private let storage: Storage
  private let task: Task<Void, Never>
  private static let limit = 1000

  init(_ stream: AsyncStream<[Annotation]>) {
    let storage = Storage()
    self.storage = storage
    task = Task {
      for await new in stream {
        storage.annotations.withLock { annotations in
          annotations += new
          if annotations.count > Self.limit { annotations.removeFirst(annotations.count - Self.limit) }
        }
      }
    }
  }

  deinit { task.cancel() }

  func takeAll() -> [Annotation] {
    storage.annotations.withLock { annotations in
      defer { annotations = [] }
      return annotations
    }
  }
}
