import Bridge
import Cameras
import Dashboard
import Diagnostics
import Foundation
import FoxgloveServer
import HTTPServer
import Interop
import Logging
import ModelService
import ServiceLifecycle
import Settings

/// The outputs of the bridge. A new output adds its own files and one line to `all`.
enum Outputs {
  static let all: [Output] = [
    Output(HTTPSettings.self, httpServices),
    Output(FoxgloveSettings.self) { settings, context in
      guard let address = settings.address else { return [] }
      return [
        try FoxgloveService(
          settings, options: try context.serverOptions(for: address), state: context.daemon.live,
          version: ProductVersion.text, log: context.log)
      ]
    },
    Output(InteropSettings.self) { settings, context in
      try settings.services(state: context.daemon.live, log: context.log)
    },
  ]

  /// Types of the outputs' settings, in the order in which they are printed.
  static var sections: [any ConfigurationSection.Type] { all.map(\.section) }

  /// Creates the services of all outputs that the configuration turns on.
  static func services(_ configuration: Configuration, _ daemon: Daemon, log: Logger) throws -> [any Service]
  {
    let context = OutputContext(configuration: configuration, daemon: daemon, log: log)
    return try all.flatMap { try $0.services(context) }
  }

  private static func httpServices(
    _ settings: HTTPSettings, _ context: OutputContext
  ) throws -> [any Service] {
    guard let address = settings.address else { return [] }
    let (daemon, log) = (context.daemon, context.log)
    var pages: DashboardPages?
    do {
      pages = try DashboardPages(
        folder: Configuration.dashboardFolder, state: daemon.live, version: ProductVersion.text)
    } catch { log.warning("the page is not served: \(error.printed)") }
    var handlers: [any HTTPHandler] = [
      MonitorEndpoints(
        metricsType: Daemon.metricsType, metrics: { await daemon.metrics() }, problem: { daemon.problem }),
      ModelEndpoints(host: daemon.models, pictures: daemon.pictures, product: ProductVersion.text),
      FrameEndpoint { submit($0, to: daemon.cameras) },
    ]
    do { handlers.append(try DocumentEndpoint(file: Configuration.openAPIDocument)) } catch {
      log.warning("/openapi.json is not served: \(error.message)")
    }
    if let pages { handlers.append(pages) }
    let server = try HTTPService(
      try context.serverOptions(for: address), access: daemon.access, handlers: handlers, log: log)
    // The last service stops first: pages end their streams before the server waits for them.
    return [server] + (pages.map { [$0] } ?? [])
  }

  private static func submit(_ frame: SubmittedFrame, to cameras: CameraService) -> Bool {
    let pixels =
      frame.layout.map { PixelData($0, .bytes(frame.bytes)) } ?? PixelData(jpeg: frame.bytes)
    return cameras.submit(
      pixels,
      ClientFrameDetails(
        client: frame.client, camera: frame.camera, captured: frame.captured, pose: frame.pose,
        intrinsics: frame.intrinsics))
  }
}

/// An output: its section of the configuration, and the builder of its services.
struct Output: Sendable {
  let section: any ConfigurationSection.Type
  /// Returns no services while the section turns the output off.
  let services: @Sendable (OutputContext) throws -> [any Service]

  init<Section: ConfigurationSection>(
    _ section: Section.Type, _ make: @escaping @Sendable (Section, OutputContext) throws -> [any Service]
  ) {
    self.section = section
    services = { try make($0.configuration.sections[section].value, $0) }
  }
}

/// What the builders of outputs depend on.
struct OutputContext: Sendable {
  let configuration: Configuration
  let daemon: Daemon
  let log: Logger

  /// Options of a server at an address, with the tokens, certificate and limits of `http:`.
  func serverOptions(for address: String) throws -> HTTPServerOptions {
    try configuration.sections[HTTPSettings.self].value.options(
      for: address, environment: ProcessInfo.processInfo.environment)
  }
}
