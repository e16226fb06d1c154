import Cameras
import CLinux
import Devices
import Foundation
import Glibc
import Imaging
import Logging
import Sensing
import Spatial
import Synchronization

/// Reads the configured cameras, each on a thread of its own, and hands frames with the head's pose at their capture
/// to whoever asked for them.
///
/// A camera that is not there, is taken by another program or is unplugged is tried again each second.
///
/// `@unchecked Sendable`: threads are started and joined by the one that runs the service; feeds are synchronised.
public final class CameraService: @unchecked Sendable {
  private let settings: [CameraSetting]
  /// Draws frames when there is no camera.
  private let scene: DrawnScene?
  private let recording: RecordingControl
  private let log: Logger
  private let head: @Sendable (Timestamp) -> Pose?
  private let places: @Sendable () -> [String]
  private let stopEvent = linux_eventfd()
  private let feeds = Mutex<[FrameFeed]>([])
  private let newest = Mutex<CameraFrame?>(nil)
  /// Nodes in use, so that two settings do not take one camera.
  private let taken = Mutex<Set<String>>([])

  init(
    settings: [CameraSetting], scene: DrawnScene?, recording: RecordingControl, log: Logger,
    head: @escaping @Sendable (Timestamp) -> Pose?, places: @escaping @Sendable () -> [String]
  ) {
    self.settings = settings
    self.scene = scene
    self.recording = recording
    self.log = log
    self.head = head
    self.places = places
  }

  deinit { Glibc.close(stopEvent) }

  /// Frames from now on: the newest of each camera waits, older ones are dropped and counted.
  public func subscribe() -> FrameFeed {
    let feed = FrameFeed()
    feeds.withLock { $0.append(feed) }
    return feed
  }

  public func unsubscribe(_ feed: FrameFeed) {
    feeds.withLock { $0.removeAll { $0 === feed } }
    feed.close()
  }

  func stop() { linux_eventfd_signal(stopEvent) }

  func run() {
    var threads = settings.map { setting in WorkerThread(name: "camera") { [self] in read(setting) } }
    if let scene, settings.isEmpty {
      threads.append(WorkerThread(name: "drawn-camera") { [self] in draw(scene) })
    }
    if threads.isEmpty { _ = isStopped(within: -1) }
    for thread in threads { thread.join() }
    for feed in feeds.withLock({ $0 }) { feed.close() }
  }

  private func isStopped(within milliseconds: Int32) -> Bool {
    var descriptor = pollfd(fd: stopEvent, events: Int16(POLLIN), revents: 0)
    while true {
      let count = poll(&descriptor, 1, milliseconds)
      if count < 0, errno == EINTR { continue }
      return count > 0
    }
  }

  /// Clients' cameras, with the lenses that they told with their last frames.
  private let clients = Mutex<[String: [Double]?]>([:])
  /// Names are the clients' to choose; each costs memory in every stage.
  private static let maximumClientCameras = 16

  /// Lenses that a session tells.
  private let played = Mutex<[String: CameraModel]>([:])

  /// How a camera of a session that is played sees.
  func play(_ model: CameraModel, of camera: String) {
    played.withLock { $0[camera] = model }
  }

  /// How a camera sees; nil when nobody said.
  ///
  /// - Parameters:
  ///   - width: of its picture.
  ///   - height: of its picture.
  func model(of camera: String, width: Int, height: Int) -> CameraModel? {
    if let model = played.withLock({ $0[camera] }) { return model.scaled(width: width, height: height) }
    if let k = clients.withLock({ $0[camera] ?? nil }) {
      return CameraModel(
        width: width, height: height, focalX: k[0], focalY: k[1], centerX: k[2], centerY: k[3])
    }
    if let scene, camera == DrawnScene.camera { return scene.model }
    return settings.first { $0.model != nil && ($0.device == "auto" || camera.contains($0.device)) }?.model
  }

  /// A frame of a client's own camera.
  ///
  /// - Parameter intrinsics: focal lengths and principal point in its pixels; nil for a usual lens.
  /// - Returns: false when clients have named as many cameras as are taken.
  public func submit(_ frame: CameraFrame, intrinsics: [Double]?) -> Bool {
    var frame = frame
    frame.camera = "client: " + frame.camera
    if frame.worldFromHead == nil { frame.worldFromHead = head(frame.captured) }
    let isLens = intrinsics?.count == 4 && intrinsics?.prefix(2).allSatisfy { $0 > 0 } == true
    let isTaken = clients.withLock { clients in
      guard clients.count < Self.maximumClientCameras || clients[frame.camera] != nil else { return false }
      clients.updateValue(isLens ? intrinsics : nil, forKey: frame.camera)
      return true
    }
    guard isTaken else { return false }
    hand(frame)
    return true
  }

  /// A frame of a session that is played: it goes where a camera's would.
  func play(_ frame: CameraFrame) {
    var frame = frame
    frame.worldFromHead = head(frame.captured)
    hand(frame)
  }

  private func hand(_ frame: CameraFrame) {
    newest.withLock { $0 = frame }
    for feed in feeds.withLock({ $0 }) { feed.put(frame) }
  }

  /// What is in a region of the newest frame, with something around it, as JPEG; empty when there is none.
  ///
  /// - Parameter region: nil, or one of another camera, for the whole frame.
  func picture(of region: Annotation.Region?) -> [UInt8] {
    guard let frame = newest.withLock({ $0 }) else { return [] }
    guard let region, region.camera == frame.camera,
      [region.x, region.y, region.sizeX, region.sizeY].allSatisfy({ abs($0) < 1e5 }),
      let image = try? frame.image()
    else {
      return (try? frame.jpeg(quality: 85)) ?? []
    }
    let part = image.cropped(
      x: Int(region.x - region.sizeX * 0.75), y: Int(region.y - region.sizeY * 0.75),
      width: Int(region.sizeX * 1.5), height: Int(region.sizeY * 1.5))
    return part.flatMap { try? JPEG.encode($0, quality: 85) } ?? []
  }

  private func draw(_ scene: DrawnScene) {
    log.notice("demonstration: there is no camera; its pictures are drawn, what models make of them is real")
    var sequence: UInt32 = 0
    while !isStopped(within: Int32(1000 / DrawnScene.rate)) {
      let captured = Timestamp(nanoseconds: linux_monotonic_ns())
      // The newest pose may be a little older than the picture.
      guard let pose = head(captured) else { continue }
      deliver(scene.frame(worldFromHead: pose, captured: captured, sequence: sequence), isStereo: false)
      sequence &+= 1
    }
  }

  private func read(_ setting: CameraSetting) {
    var problem = ""
    while !isStopped(within: 0) {
      do throws(TransportError) {
        let camera = try open(setting)
        defer { taken.withLock { _ = $0.remove(camera.path) } }
        problem = ""
        log.info(
          "camera arrived",
          metadata: [
            "camera": "\(camera.name)", "node": "\(camera.path)",
            "mode": "\(camera.format.rawValue) \(camera.width)x\(camera.height) at \(camera.rate)/s",
          ])
        for warning in camera.warnings { log.warning("\(camera.name): \(warning)") }
        try camera.run(until: stopEvent) { deliver($0, isStereo: setting.isStereo) }
      } catch {
        let text = explain(error)
        // Once, not each second.
        if text != problem { log.warning("camera '\(setting.device)': \(text)") }
        problem = text
      }
      if isStopped(within: 1000) { return }
    }
  }

  private func explain(_ error: TransportError) -> String {
    switch error.code {
    case EACCES:
      "\(error); add yourself to the group that owns the node: sudo usermod --append --groups video $USER"
    case EBUSY: "\(error): another program streams from it; 'fuser -v /dev/video*' names it"
    default: "\(error)"
    }
  }

  private func open(_ setting: CameraSetting) throws(TransportError) -> V4L2Camera {
    let cameras = AttachedCamera.all()
    let free = cameras.filter { camera in !taken.withLock { $0.contains(camera.path) } }
    let fitting: AttachedCamera?
    if setting.device == "auto" {
      let places = places()
      fitting = free.first { camera in places.contains { camera.belongs(to: $0) } } ?? free.first
    } else {
      fitting = free.first { $0.path == setting.device } ?? free.first { $0.name.contains(setting.device) }
    }
    guard let fitting else {
      let names = cameras.map { "\($0.path) (\($0.name))" }.joined(separator: ", ")
      throw TransportError(
        "find the camera '\(setting.device)' among \(names.isEmpty ? "none" : names)", code: ENODEV)
    }
    taken.withLock { _ = $0.insert(fitting.path) }
    do {
      return try V4L2Camera(path: fitting.path, request: setting.request)
    } catch {
      taken.withLock { _ = $0.remove(fitting.path) }
      throw error
    }
  }

  private func deliver(_ frame: CameraFrame, isStereo: Bool) {
    var frame = frame
    // A drawn frame has its own.
    if frame.worldFromHead == nil { frame.worldFromHead = head(frame.captured) }
    do throws(PictureFault) {
      if isStereo {
        let (left, right) = try frame.halves()
        try pass(left)
        try pass(right)
      } else {
        try pass(frame)
      }
    } catch {
      log.debug("\(frame.camera): \(error)")
    }
  }

  private func pass(_ frame: CameraFrame) throws(PictureFault) {
    hand(frame)
    guard recording.records(.camera) else { return }
    if let model = model(of: frame.camera, width: frame.width, height: frame.height) {
      recording.submit(.lens(model, camera: frame.camera, at: frame.received))
    }
    // As the camera compressed it; what it did not compress becomes a JPEG that the eye can't tell from it.
    recording.submit(
      .image(
        Data(try frame.jpeg()), format: "jpeg", camera: frame.camera, captured: frame.captured,
        received: frame.received))
  }
}
