import Bridge
import CLinux
import Cameras
import Dialogue
import Foundation
import Inference
import Interop
import LiveViews
import Logging
import ModelService
import Sensing
import ServiceLifecycle
import Spatial
import Speech

/// Joins the HTTP service to a bridge as the configuration says.
enum ModelServiceSetup {
  static func remoteEngine(_ configuration: Configuration, log: Logger) -> RemoteEngine {
    RemoteEngine(local: configuration.models.value.localEngine) { log.warning("\($0)") }
  }

  /// What answers questions; nil when none is configured.
  static func languageModel(_ configuration: Configuration) throws -> (any LanguageModel)? {
    let settings = configuration.language.value
    guard let address = settings.address else { return nil }
    var options = ChatClient.Options(address: address)
    options.key = try settings.secret(environment: ProcessInfo.processInfo.environment)
    options.firstTimeout = settings.firstTimeout
    options.idleTimeout = settings.idleTimeout
    options.timeout = settings.timeout
    options.retries = settings.retries
    return ChatClient(options, name: settings.model)
  }

  /// A server that turns speech into text; nil for the registry's model.
  static func recogniser(_ configuration: Configuration) throws -> (any SpeechRecogniser)? {
    let settings = configuration.speech.value
    guard let server = settings.server else { return nil }
    let key = try server.key.map {
      try SecretFile.read(
        $0, environment: ProcessInfo.processInfo.environment, purpose: "the speech server's key")
    }
    return RemoteRecogniser(
      address: server.address, model: server.model, key: key, language: settings.language)
  }

  /// What is reached over a network: the HTTP service with its pages, and viewers; empty when none is configured.
  static func services(
    _ configuration: Configuration, _ daemon: Daemon, log: Logger
  ) throws -> [any Service] {
    do {
      return try httpServices(configuration, daemon, log: log)
        + viewers(configuration, daemon, log: log) + interop(configuration, daemon, log: log)
    } catch let failure as Failure { throw failure } catch { throw Failure(String(describing: error)) }
  }

  /// Tokens, certificate and limits for an address.
  private static func options(_ configuration: Configuration, _ text: String) throws -> ServiceOptions {
    let settings = configuration.http.value
    guard let address = ServiceOptions.Address(text) else {
      throw Failure("the address '\(text)' is neither HOST:PORT nor a path")
    }
    var options = ServiceOptions(address: address)
    options.maximumBody = settings.maximumBody
    options.requestsPerSecond = settings.requestsPerSecond
    let environment = ProcessInfo.processInfo.environment
    for token in settings.tokens {
      options.tokens.append(
        ServiceOptions.Token(
          secret: try HTTPSettings.secret(token.file, environment: environment), models: Set(token.models),
          manages: token.manages))
    }
    if let certificate = settings.certificate, let key = settings.key {
      options.tls = ServiceOptions.TLS(certificate: certificate, key: key)
    }
    return options
  }

  private static func httpServices(
    _ configuration: Configuration, _ daemon: Daemon, log: Logger
  ) throws -> [any Service] {
    guard let text = configuration.http.value.address else { return [] }
    var pages: DashboardPages?
    do {
      pages = try DashboardPages(
        folder: Configuration.dashboardFolder, source: daemon.live, version: ProductVersion.text,
        problem: { daemon.problem })
    } catch { log.warning("there is no page: \(error)") }
    let server = try ModelServer(
      try options(configuration, text), host: daemon.models, product: ProductVersion.text, log: log,
      frames: { submit($0, to: daemon.cameras) },
      monitor: ServiceMonitor(
        metricsType: Daemon.metricsType, metrics: { await daemon.metrics() }, problem: { daemon.problem }),
      pages: pages)
    // The last goes first: pages end their streams before the server waits for them.
    return [server] + (pages.map { [$0] } ?? [])
  }

  private static func viewers(
    _ configuration: Configuration, _ daemon: Daemon, log: Logger
  ) throws -> [any Service] {
    let settings = configuration.foxglove.value
    guard let text = settings.address else { return [] }
    return [
      try FoxgloveServer(
        try options(configuration, text), origins: settings.origins, rate: settings.rate,
        source: daemon.live, version: ProductVersion.text, log: log)
    ]
  }

  private static func interop(
    _ configuration: Configuration, _ daemon: Daemon, log: Logger
  ) throws -> [any Service] {
    let settings = configuration.interop.value
    var services: [any Service] = []
    if let address = settings.vrpn {
      services.append(
        try VRPNServer(
          address: address, isOpen: settings.isVRPNOpen, rate: settings.vrpnRate, source: daemon.live,
          log: log))
    }
    for target in settings.targets {
      guard let format = PoseSender.Format(rawValue: target.format) else { continue }
      services.append(
        try PoseSender(format, target: target.target, rate: target.rate, source: daemon.live, log: log))
    }
    return services
  }

  private static func submit(_ frame: SubmittedFrame, to cameras: CameraService) -> Bool {
    let now = Timestamp(nanoseconds: linux_monotonic_ns())
    var pose: Pose?
    if let p = frame.pose {
      pose = Pose(
        position: Vector3(p[0], p[1], p[2]),
        orientation: Quaternion(x: p[3], y: p[4], z: p[5], w: p[6]).normalized)
    }
    return cameras.submit(
      CameraFrame(
        camera: frame.camera, format: .mjpeg, width: 0, height: 0, stride: 0, bytes: frame.bytes,
        captured: frame.captured.map { Timestamp(nanoseconds: $0) } ?? now, received: now, worldFromHead: pose
      ),
      intrinsics: frame.intrinsics)
  }
}
