import Admission
import ArgumentParser
import Assistant
import Bridge
import BridgeClient
import BridgeProtocol
import CLinux
import Cameras
import CommandSupport
import Diagnostics
import Foundation
import FoxgloveServer
import HTTPServer
import Logging
import Perception
import ServiceLifecycle
import StrictYAML
import UnixSignals

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run the bridge until SIGTERM or Ctrl-C.",
    discussion: discussion(
      """
      Values come from defaults, then the configuration file, then the environment (VRBRIDGE_SOCKET, \
      VRBRIDGE_DEVICES, VRBRIDGE_DEMO, VRBRIDGE_LOG_LEVEL), then these options. SIGHUP reads descriptions and \
      configuration again.
      """,
      examples: "vrbridge run --demo --view",
      "vrbridge run --perception hands,gestures --http 127.0.0.1:8000",
      "vrbridge run --print-config"))

  @Option(
    help: ArgumentHelp(
      "Read this configuration file (default: ~/.config/vrbridge/vrbridge.yaml; for root and the service then /etc/vrbridge/vrbridge.yaml).",
      valueName: "file"), completion: .file())
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Play a recording as a device; repeatable (default: none).",
      valueName: "recorded:FILE[,speed=N|max][,config=BLOB][,serial=S][,loop][,wait]"))
  var device: [String] = []

  @Flag(help: "Emulate a headset and two controllers.")
  var demo = false

  @Flag(help: "Emulate a headset and two controllers only when no supported headset is attached.")
  var demoIfNoHeadset = false

  @Flag(help: "Ignore attached devices.")
  var noHardware = false

  @Flag(help: "Read game controllers without a description, through SDL2.")
  var controllers = false

  @Option(
    help: ArgumentHelp(
      "Read this camera; 'vrbridge cameras' lists them; repeatable (default: none).",
      valueName: "auto|node|name"), completion: .camera)
  var camera: [String] = []

  @Option(
    help: ArgumentHelp(
      "Run these tasks on frames and poses: \(PerceptionTask.all.names.map(\.rawValue).joined(separator: ", ")) (default: none).",
      valueName: "a,b"), completion: .list(PerceptionTask.all.names.map(\.rawValue)))
  var perception: String?

  @Option(
    help: ArgumentHelp(
      "Show this image in the demonstration's scene; repeatable (default: none).", valueName: "file"),
    completion: .file())
  var picture: [String] = []

  @Option(
    help: ArgumentHelp(
      "Transcribe this microphone or sound file; 'vrbridge microphones' lists microphones; repeatable (default: none).",
      valueName: "auto|name|file:PATH|demo"), completion: .list(["auto", "demo"]))
  var microphone: [String] = []

  @Option(
    help: ArgumentHelp(
      "Treat speech as addressed to the bridge always, after a phrase, after a wake word, or while a button is pressed (default: phrase).",
      valueName: "always|phrase|word|button"), completion: .list(["always", "phrase", "word", "button"]))
  var activation: String?

  @Option(
    help: ArgumentHelp(
      "Detect the wake word with this model of the registry (default: none).", valueName: "name"),
    completion: .model)
  var wakeModel: String?

  @Option(
    help: ArgumentHelp(
      "Answer questions with this server of OpenAI's chat completions (default: none).", valueName: "url"))
  var languageModel: String?

  @Option(
    help: ArgumentHelp(
      "Serve the dashboard, models and metrics over HTTP at this address (default: none).",
      valueName: "host:port|path"))
  var http: String?

  @Option(
    help: ArgumentHelp(
      "Serve viewers of the Foxglove WebSocket protocol at this address (default: none).",
      valueName: "host:port"))
  var foxglove: String?

  @Option(
    help: ArgumentHelp(
      "Serve SlimeVR trackers at this address of this machine (default: none).",
      valueName: "address[:port]"))
  var slimevr: String?

  @Option(
    help: ArgumentHelp(
      "Serve clients on a socket at this path (default: $XDG_RUNTIME_DIR/vrbridge/vrbridge.sock; without the variable in /run/user/UID/vrbridge or /tmp/vrbridge-UID, for root in /run/vrbridge).",
      valueName: "path"), completion: .file())
  var socket: String?

  @Option(help: .descriptions, completion: .directory)
  var descriptions: String?

  @Option(
    help: ArgumentHelp(
      "Log from this level: trace, debug, info, notice, warning, error or critical (default: info).",
      valueName: "level"), completion: .list(Logger.Level.allCases.map(\.rawValue)))
  var logLevel: String?

  @Flag(help: "Show a live table of the devices in this terminal.")
  var view = false

  @Flag(help: "Print the active configuration, with the source of each value, and exit.")
  var printConfig = false

  /// Prints the tables of docs/reference/configuration.md; for scripts/configuration-reference.py.
  @Flag(help: .private)
  var printConfigReference = false

  func run() async throws {
    if printConfigReference {
      return print(Configuration.reference(sections: Outputs.sections), terminator: "")
    }
    let settings = try load()
    if printConfig {
      print(settings.text(), terminator: "")
      return
    }
    // Whatever the caller's umask is, other users can't write to a file or connect to a socket before its mode is set.
    umask(umask(0o077) | 0o007)
    // Connections, devices and models share the descriptors; where the system forbids the change, the limit stays.
    DescriptorReserve.raiseLimit()
    linux_reserve_descriptors(1024)
    // About thirty threads, few of which allocate at the same time.
    linux_limit_heaps(2)
    let level = Logger.Level(rawValue: settings.logLevel.value) ?? .info
    // Log lines would tear the table between redraws; it shows them itself, and they are printed when it ends.
    let messages = view && Terminal.isInteractive ? ViewMessages() : nil
    defer { messages?.flush() }
    let isDefault = settings.logLevel.source == "default"
    let log =
      messages.map { Logger.table($0, level, from: isDefault ? .warning : level) } ?? .standardError(level)
    if let problem = StateFolder.problem(settings.stateFolder) { log.warning("\(problem)") }
    let daemon = try Daemon(settings, log: log, clients: try RemoteClients(settings, log: log))
    if settings.socketPath.source == "default", daemon.socketPath.hasPrefix(SocketPath.privateFolder + "/") {
      log.notice(
        "XDG_RUNTIME_DIR is not set: the socket is in \(SocketPath.privateFolder), which only this user can enter; programs of this user find it there"
      )
    }

    var services: [any Service] = daemon.services
    services += try Outputs.services(settings, daemon, log: log)
    let manager = ServiceManager(environment: ProcessInfo.processInfo.environment)
    services.insert(ReloadService(daemon: daemon, command: self, manager: manager, log: log), at: 0)
    if manager.isWaitedFor { services.append(ReadinessService(daemon: daemon, manager: manager)) }
    if view {
      let addresses = ViewService.addresses(settings, socket: daemon.socketPath)
      services.append(ViewService(socket: daemon.socketPath, addresses: addresses, messages: messages))
    }
    if messages == nil {
      log.info("listening", metadata: ["socket": "\(daemon.socketPath)"])
    }
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        // With a name: by default the group prints all values of a service by reflection, which takes milliseconds.
        services: services.map {
          ServiceGroupConfiguration.ServiceConfiguration(service: $0, serviceName: "\(type(of: $0))")
        },
        gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(log)))
    try await group.run()
  }

  /// Returns a log without the service group's own progress.
  private func quiet(_ log: Logger) -> Logger {
    var quiet = log
    if log.logLevel >= .info { quiet.logLevel = .warning }
    return quiet
  }

  func load() throws -> Configuration {
    var settings = Configuration(sections: Outputs.sections)
    try settings.applyFile(config)
    try settings.apply(environment: ProcessInfo.processInfo.environment)
    for text in device where !text.hasPrefix("recorded:") {
      throw ValidationError(
        "--device '\(text)': only recorded:FILE is accepted; attached devices are detected automatically")
    }
    do { try apply(to: &settings) } catch { throw ValidationError("\(error)") }
    for source in settings.recorded.value {
      let file = try RecordedSource(source).file
      guard FileManager.default.isReadableFile(atPath: file) else {
        throw CommandError(
          "file-unreadable", "the recording \(file) can't be read (\(readingProblem(file)))")
      }
    }
    return settings
  }

  /// Applies the flags; each value is parsed as the key of the configuration that it sets.
  private func apply(to settings: inout Configuration) throws(DocumentError) {
    func value(_ text: String, _ flag: String) -> YAMLValue { YAMLValue(text: text, source: flag) }
    func list(_ texts: [String], _ flag: String) -> YAMLValue { YAMLValue(texts: texts, source: flag) }
    if !device.isEmpty {
      let sources = device.map { String($0.dropFirst("recorded:".count)) }
      try settings.set("devices", "recorded", to: list(sources, "--device"))
    }
    if demo { try settings.set("devices", "demo", to: value("always", "--demo")) }
    if demoIfNoHeadset {
      try settings.set("devices", "demo", to: value("if-no-headset", "--demo-if-no-headset"))
    }
    if noHardware { try settings.set("devices", "hardware", to: value("false", "--no-hardware")) }
    if controllers { try settings.set("devices", "controllers", to: value("true", "--controllers")) }
    if !picture.isEmpty { try settings.set("devices", "pictures", to: list(picture, "--picture")) }
    if let descriptions {
      try settings.set("devices", "descriptions", to: value(descriptions, "--descriptions"))
    }
    if !camera.isEmpty {
      settings.cameras = Setting(camera.map { CameraSetting(device: $0) }, from: "--camera")
    }
    if let slimevr {
      do { settings.slimeVR = Setting(try TrackerListener(text: slimevr), from: "--slimevr") } catch {
        throw DocumentError(file: "--slimevr", problem: error.description)
      }
    }
    if let perception {
      let names = perception.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      try settings.perception.set("tasks", to: list(names, "--perception"))
    }
    if !microphone.isEmpty { try settings.speech.set("microphones", to: list(microphone, "--microphone")) }
    if let wakeModel {
      try settings.speech.set("wake_model", to: value(wakeModel, "--wake-model"))
      try settings.speech.set("activation", to: value("word", "--wake-model"))
    }
    if let activation { try settings.speech.set("activation", to: value(activation, "--activation")) }
    guard settings.speech.value.activation != .word || settings.speech.value.wakeModel != nil else {
      throw DocumentError(
        file: "--activation", problem: "word needs --wake-model, such as wake-alexa of the catalogue")
    }
    if let languageModel {
      try settings.language.set("address", to: value(languageModel, "--language-model"))
    }
    if let http { try settings.sections.set(HTTPSettings.self, "address", to: value(http, "--http")) }
    if let foxglove {
      try settings.sections.set(FoxgloveSettings.self, "address", to: value(foxglove, "--foxglove"))
    }
    if let socket { try settings.set("socket", "path", to: value(socket, "--socket")) }
    if let logLevel { try settings.set("log", "level", to: value(logLevel, "--log-level")) }
  }
}
