import CLinux
import Devices
import Diagnostics
import Foundation
import Glibc
import Imaging
import Logging
import Sensing
import Spatial
import Synchronization

/// The parts of the daemon that the camera service uses.
public struct CameraEnvironment: Sendable {
  /// The head's pose in the world at a time; nil when it is not tracked.
  public var head: @Sendable (Timestamp) -> Pose?
  /// USB ports of the connected headsets, which identify their cameras.
  public var headsetPorts: @Sendable () -> [String]
  public var recorder: any FrameRecorder
  public var decoders: PictureDecoders
  public var log: Logger

  public init(
    head: @escaping @Sendable (Timestamp) -> Pose?, headsetPorts: @escaping @Sendable () -> [String],
    recorder: any FrameRecorder, decoders: PictureDecoders, log: Logger
  ) {
    self.head = head
    self.headsetPorts = headsetPorts
    self.recorder = recorder
    self.decoders = decoders
    self.log = log
  }
}

/// Reads the configured cameras, each on its own thread, and distributes frames with the head's pose at their capture.
///
/// A camera that is missing, in use by another program or unplugged is opened again every second.
///
/// `@unchecked Sendable`: only the thread in `run` starts and joins threads; all other state is synchronised.
public final class CameraService: @unchecked Sendable {
  private let settings: [CameraSetting]
  private let scene: SyntheticScene?
  private let environment: CameraEnvironment
  private let stopEvent = linux_eventfd()
  private let feeds = Mutex<[FrameFeed]>([])
  private let latest = Mutex<CameraFrame?>(nil)
  /// Open device nodes, so that two settings do not open one camera.
  private let openNodes = Mutex<Set<String>>([])
  private let calibrations: CameraCalibrations

  private var log: Logger { environment.log }

  /// - Parameter scene: replaces cameras in demonstrations; used when no camera is configured.
  public init(settings: [CameraSetting], scene: SyntheticScene?, environment: CameraEnvironment) {
    self.settings = settings
    self.scene = scene
    self.environment = environment
    calibrations = CameraCalibrations(settings: settings, scene: scene)
  }

  deinit { Glibc.close(stopEvent) }

  // MARK: frames

  /// Frames from now on; the latest frame of each camera waits, older ones are dropped and counted.
  public func subscribe() -> FrameFeed {
    let feed = FrameFeed()
    feeds.withLock { $0.append(feed) }
    return feed
  }

  public func unsubscribe(_ feed: FrameFeed) {
    feeds.withLock { $0.removeAll { $0 === feed } }
    feed.close()
  }

  /// The camera model for an image size in pixels; nil for an uncalibrated camera.
  public func model(of camera: String, width: Int, height: Int) -> CameraModel? {
    calibrations.model(of: camera, width: width, height: height)
  }

  /// Accepts a frame of a client's own camera.
  ///
  /// - Returns: false when clients, or the one of this frame, use too many cameras.
  public func submit(_ pixels: PixelData, _ details: ClientFrameDetails) -> Bool {
    let now = Timestamp(nanoseconds: linux_monotonic_ns())
    let captured = details.captured ?? now
    var frame = CameraFrame(
      camera: "client: " + details.camera, pixels: pixels, captured: captured, received: now,
      worldFromHead: details.worldFromHead ?? environment.head(captured))
    frame.isFromClient = true
    guard calibrations.submit(details.intrinsics, of: frame.camera, by: details.client) else { return false }
    distribute(frame)
    return true
  }

  /// Accepts the calibration of a camera in a replayed session.
  public func play(_ model: CameraModel, of camera: String) { calibrations.play(model, of: camera) }

  /// Accepts a frame of a replayed session.
  public func play(_ frame: CameraFrame) {
    var frame = frame
    frame.worldFromHead = environment.head(frame.captured)
    distribute(frame)
  }

  private func decoder(of frame: CameraFrame) -> PictureDecoder {
    frame.isFromClient ? environment.decoders.uploads : environment.decoders.cameras
  }

  /// The frame as RGB at the lowest resolution that is enough.
  public func image(
    of frame: CameraFrame, _ resolution: PictureResolution
  ) async throws(PictureError) -> ReducedImage {
    try await frame.image(resolution, using: decoder(of: frame))
  }

  private func distribute(_ frame: CameraFrame) {
    latest.withLock { $0 = frame }
    for feed in feeds.withLock({ $0 }) { feed.put(frame) }
  }

  /// The part of the latest frame around a region as JPEG; empty without a frame.
  ///
  /// - Parameter region: nil, or a region of another camera, for the whole frame.
  public func picture(of region: Annotation.Region?) -> [UInt8] {
    guard let frame = latest.withLock({ $0 }) else { return [] }
    guard let region, region.camera == frame.camera,
      [region.x, region.y, region.sizeX, region.sizeY].allSatisfy({ abs($0) < 1e5 }),
      let image = try? frame.imageAndWait(using: decoder(of: frame))
    else {
      return (try? frame.jpeg(quality: 85)) ?? []
    }
    let part = image.cropped(
      x: Int(region.x - region.sizeX * 0.75), y: Int(region.y - region.sizeY * 0.75),
      width: Int(region.sizeX * 1.5), height: Int(region.sizeY * 1.5))
    return part.flatMap { try? JPEG.encode($0, quality: 85) } ?? []
  }

  // MARK: threads

  /// Reads the cameras until `stop` is called.
  public func run() {
    var threads = settings.map { setting in WorkerThread(name: "camera") { [self] in read(setting) } }
    if let scene, settings.isEmpty {
      threads.append(WorkerThread(name: "synthetic-cam") { [self] in render(scene) })
    }
    if threads.isEmpty { _ = isStopped(within: -1) }
    for thread in threads { thread.join() }
    for feed in feeds.withLock({ $0 }) { feed.close() }
  }

  public func stop() { linux_eventfd_signal(stopEvent) }

  private func isStopped(within milliseconds: Int32) -> Bool {
    var descriptor = pollfd(fd: stopEvent, events: Int16(POLLIN), revents: 0)
    while true {
      let count = poll(&descriptor, 1, milliseconds)
      if count < 0, errno == EINTR { continue }
      return count > 0
    }
  }

  private func render(_ scene: SyntheticScene) {
    log.notice("demonstration: camera frames are synthetic; annotations are computed from them")
    var sequence: UInt32 = 0
    while !isStopped(within: Int32(1000 / SyntheticScene.rate)) {
      let captured = Timestamp(nanoseconds: linux_monotonic_ns())
      guard let pose = environment.head(captured) else { continue }
      deliver(scene.frame(worldFromHead: pose, captured: captured, sequence: sequence), isStereo: false)
      sequence &+= 1
    }
  }

  private func read(_ setting: CameraSetting) {
    var problem = ""
    while !isStopped(within: 0) {
      do throws(TransportError) {
        let camera = try open(setting)
        defer { openNodes.withLock { _ = $0.remove(camera.path) } }
        problem = ""
        log.info(
          "camera opened",
          metadata: [
            "camera": "\(camera.name)", "node": "\(camera.path)",
            "mode": "\(camera.format.rawValue) \(camera.width)x\(camera.height) at \(camera.rate)/s",
          ])
        for warning in camera.warnings { log.warning("\(camera.name): \(warning)") }
        try camera.run(until: stopEvent) { deliver($0, isStereo: setting.isStereo) }
      } catch {
        let text = explain(error)
        // Once, not every second.
        if text != problem { log.warning("camera '\(setting.device)': \(text)") }
        problem = text
      }
      if isStopped(within: 1000) { return }
    }
  }

  private func explain(_ error: TransportError) -> String {
    switch error.code {
    case EACCES:
      "\(error); add yourself to the group of the device node: sudo usermod --append --groups video $USER"
    case EBUSY: "\(error): another program uses the camera; 'fuser -v /dev/video*' lists it"
    default: "\(error)"
    }
  }

  private func open(_ setting: CameraSetting) throws(TransportError) -> V4L2Camera {
    let cameras = AttachedCamera.all()
    let free = cameras.filter { camera in !openNodes.withLock { $0.contains(camera.path) } }
    let chosen: AttachedCamera?
    if setting.device == "auto" {
      let ports = environment.headsetPorts()
      chosen = free.first { camera in ports.contains { camera.belongs(to: $0) } } ?? free.first
    } else {
      chosen = free.first { $0.path == setting.device } ?? free.first { $0.name.contains(setting.device) }
    }
    guard let chosen else {
      let names = cameras.map { "\($0.path) (\($0.name))" }.joined(separator: ", ")
      throw TransportError(
        "find the camera '\(setting.device)' among \(names.isEmpty ? "none" : names)", code: ENODEV)
    }
    openNodes.withLock { _ = $0.insert(chosen.path) }
    do {
      return try V4L2Camera(path: chosen.path, request: setting.request)
    } catch {
      openNodes.withLock { _ = $0.remove(chosen.path) }
      throw error
    }
  }

  private func deliver(_ frame: CameraFrame, isStereo: Bool) {
    var frame = frame
    // A synthetic frame has its exact pose.
    if frame.worldFromHead == nil { frame.worldFromHead = environment.head(frame.captured) }
    do throws(PictureError) {
      if isStereo {
        let (left, right) = try frame.halves(using: decoder(of: frame))
        try distributeAndRecord(left)
        try distributeAndRecord(right)
      } else {
        try distributeAndRecord(frame)
      }
    } catch {
      log.debug("\(frame.camera): \(error.printed)")
    }
  }

  private func distributeAndRecord(_ frame: CameraFrame) throws(PictureError) {
    distribute(frame)
    guard environment.recorder.recordsFrames else { return }
    if let model = model(of: frame.camera, width: frame.width, height: frame.height) {
      environment.recorder.record(model, of: frame.camera, at: frame.received)
    }
    // The camera's own JPEG, or one of a quality without visible loss.
    environment.recorder.record(frame, jpeg: try frame.jpeg())
  }
}
