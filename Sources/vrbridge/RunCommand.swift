import ArgumentParser
import Bridge
import BridgeClient
import CLinux
import Foundation
import Logging
import ServiceLifecycle
import StrictYAML
import UnixSignals

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run the bridge until SIGTERM or Ctrl-C.",
    discussion: """
      Values come from defaults, then the configuration file, then the environment (VRBRIDGE_SOCKET,
      VRBRIDGE_DEVICES, VRBRIDGE_DEMO, VRBRIDGE_LOG_LEVEL), then these flags. SIGHUP reads descriptions and
      configuration again.
      """)

  @Option(help: "Configuration file.")
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Play a recording as a device; may be given several times.",
      valueName: "recorded:FILE[,speed=N|max][,config=BLOB][,serial=S][,loop][,wait]"))
  var device: [String] = []

  @Flag(help: "Emulate a headset and two controllers.")
  var demo = false

  @Flag(help: "Emulate them only when no known headset is attached.")
  var demoIfNoHeadset = false

  @Flag(help: "Do not look for real devices.")
  var noHardware = false

  @Flag(help: "Read game controllers that no family describes, through SDL2.")
  var controllers = false

  @Option(
    help: ArgumentHelp(
      "Read this camera ('vrbridge cameras' lists them); may be given several times.",
      valueName: "auto|node|name"))
  var camera: [String] = []

  @Option(help: ArgumentHelp("Look for these in the frames.", valueName: "hands,objects,text"))
  var perception: String?

  @Option(
    help: ArgumentHelp(
      "A picture that hangs in the demonstration's scene; may be given several times.", valueName: "file"))
  var picture: [String] = []

  @Option(
    help: ArgumentHelp(
      "Listen to this microphone ('vrbridge microphones' lists them) or sound file; may be given several times.",
      valueName: "auto|name|file:PATH|demo"))
  var microphone: [String] = []

  @Option(help: ArgumentHelp("What is said to the bridge.", valueName: "always|phrase|word|button"))
  var activation: String?

  @Option(
    help: ArgumentHelp("Hear what follows this wake word: its model in the registry.", valueName: "name"))
  var wakeModel: String?

  @Option(
    help: ArgumentHelp("A server of OpenAI's chat completions, which answers questions.", valueName: "url"))
  var languageModel: String?

  @Option(
    help: ArgumentHelp("Serve the page, models and metrics over HTTP here.", valueName: "host:port|path"))
  var http: String?

  @Option(
    help: ArgumentHelp("Serve viewers of the Foxglove WebSocket protocol here.", valueName: "host:port"))
  var foxglove: String?

  @Option(
    help: ArgumentHelp(
      "Serve SlimeVR trackers on this address of this machine.", valueName: "address[:port]"))
  var slimevr: String?

  @Option(help: "Path of the socket.")
  var socket: String?

  @Option(help: "Folder of device descriptions.")
  var descriptions: String?

  @Option(help: "trace, debug, info, notice, warning, error or critical.")
  var logLevel: String?

  @Flag(help: "Show a live table of the devices in this terminal.")
  var view = false

  @Flag(help: "Print the configuration in force, with the source of each value, and exit.")
  var printConfig = false

  func run() async throws {
    let settings = try load()
    if printConfig {
      print(settings.text(), terminator: "")
      return
    }
    // Some thirty threads, few of which ask for memory at the same time.
    linux_limit_heaps(2)
    let level = Logger.Level(rawValue: settings.logLevel.value) ?? .info
    let isTable = view && Terminal.isInteractive
    // Lines between the redraws of a table would tear it; what matters still shows.
    let log = Logger.standardError(isTable && settings.logLevel.source == "default" ? .error : level)
    let daemon: Daemon
    do {
      daemon = try Daemon(
        settings, log: log, remote: ModelServiceSetup.remoteEngine(settings, log: log),
        language: try ModelServiceSetup.languageModel(settings),
        recogniser: try ModelServiceSetup.recogniser(settings))
    } catch { throw Failure(String(describing: error)) }

    var services: [any Service] = daemon.services
    services += try ModelServiceSetup.services(settings, daemon, log: log)
    let manager = ServiceManager(environment: ProcessInfo.processInfo.environment)
    services.insert(ReloadService(daemon: daemon, command: self, manager: manager, log: log), at: 0)
    if manager.isWaitedFor { services.append(ReadinessService(daemon: daemon, manager: manager)) }
    if view {
      services.append(ViewService(socket: daemon.socketPath))
    } else {
      log.info("listening", metadata: ["socket": "\(daemon.socketPath)"])
    }
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: services.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) },
        gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(log)))
    try await group.run()
  }

  /// The service group's own progress is of no use to the person who runs the bridge.
  private func quiet(_ log: Logger) -> Logger {
    var quiet = log
    if log.logLevel >= .info { quiet.logLevel = .warning }
    return quiet
  }

  func load() throws -> Configuration {
    var settings = Configuration()
    let environment = ProcessInfo.processInfo.environment
    do {
      if let file = config ?? Configuration.standardFile(environment: environment) {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
          throw Failure("the configuration file \(file) can't be read")
        }
        try settings.apply(text: text, file: file)
      }
      try settings.apply(environment: environment)
    } catch let error as DocumentError {
      throw Failure(String(describing: error))
    }
    if !device.isEmpty {
      var list: [String] = []
      for text in device {
        guard text.hasPrefix("recorded:") else {
          throw ValidationError(
            "--device '\(text)': only recorded:FILE can be named; real devices are found by themselves")
        }
        let body = String(text.dropFirst("recorded:".count))
        do {
          let source = try RecordedSource(body)
          guard FileManager.default.isReadableFile(atPath: source.file) else {
            throw Failure("the recording \(source.file) can't be read")
          }
        } catch let fault as RecordedSource.Fault {
          throw ValidationError("--device: \(fault)")
        }
        list.append(body)
      }
      settings.recorded = Setting(list, from: "--device")
    }
    if demo { settings.demo = Setting(.always, from: "--demo") }
    if demoIfNoHeadset { settings.demo = Setting(.ifNoHeadset, from: "--demo-if-no-headset") }
    if !camera.isEmpty {
      settings.cameras = Setting(camera.map { CameraSetting(device: $0) }, from: "--camera")
    }
    if let perception {
      var wanted = settings.perception.value
      wanted.tasks = []
      for name in perception.split(separator: ",") {
        guard let task = PerceptionSettings.Task(rawValue: name.trimmingCharacters(in: .whitespaces)) else {
          let known = PerceptionSettings.Task.allCases.map(\.rawValue).joined(separator: ", ")
          throw ValidationError("--perception '\(name)' is not known; allowed: \(known)")
        }
        wanted.tasks.insert(task)
      }
      settings.perception = Setting(wanted, from: "--perception")
    }
    if !microphone.isEmpty || activation != nil || wakeModel != nil {
      var wanted = settings.speech.value
      if !microphone.isEmpty { wanted.microphones = microphone }
      if let wakeModel {
        wanted.wakeModel = wakeModel
        wanted.activation = .word
      }
      if let activation {
        guard let known = SpeechSettings.Activation(rawValue: activation) else {
          throw ValidationError(
            "--activation '\(activation)' is not known; allowed: always, phrase, word, button")
        }
        wanted.activation = known
      }
      guard wanted.activation != .word || wanted.wakeModel != nil else {
        throw ValidationError("--activation word needs --wake-model, such as wake-alexa of the catalogue")
      }
      settings.speech = Setting(wanted, from: microphone.isEmpty ? "--activation" : "--microphone")
    }
    if let languageModel {
      var wanted = settings.language.value
      guard let url = URL(string: languageModel), ["http", "https"].contains(url.scheme), url.host != nil
      else {
        throw ValidationError("--language-model '\(languageModel)': http://HOST:PORT/v1 is expected")
      }
      wanted.address = languageModel.hasSuffix("/") ? String(languageModel.dropLast()) : languageModel
      settings.language = Setting(wanted, from: "--language-model")
    }
    if let http {
      var service = settings.http.value
      service.address = http
      settings.http = Setting(service, from: "--http")
    }
    if let foxglove {
      var viewers = settings.foxglove.value
      viewers.address = foxglove
      settings.foxglove = Setting(viewers, from: "--foxglove")
    }
    if !picture.isEmpty { settings.pictures = Setting(picture, from: "--picture") }
    if controllers { settings.controllers = Setting(true, from: "--controllers") }
    if let slimevr {
      do { settings.slimeVR = Setting(try TrackerListener(text: slimevr), from: "--slimevr") } catch {
        throw ValidationError("--slimevr: \(error)")
      }
    }
    if noHardware { settings.hardware = Setting(false, from: "--no-hardware") }
    if let socket { settings.socketPath = Setting(socket, from: "--socket") }
    if let descriptions { settings.descriptions = Setting(descriptions, from: "--descriptions") }
    if let logLevel {
      guard Logger.Level(rawValue: logLevel) != nil else {
        throw ValidationError("--log-level '\(logLevel)' is not known")
      }
      settings.logLevel = Setting(logLevel, from: "--log-level")
    }
    return settings
  }
}

/// Reads descriptions and configuration again on SIGHUP.
struct ReloadService: Service {
  let daemon: Daemon
  let command: RunCommand
  let manager: ServiceManager
  let log: Logger

  func run() async throws {
    let signals = await UnixSignalsSequence(trapping: .sighup)
    for await _ in signals.cancelOnGracefulShutdown() {
      manager.reloading()
      do { daemon.reload(try command.load()) } catch {
        log.error("reload refused, the old configuration stays in force: \(error)")
      }
      manager.ready("running")
    }
  }
}

/// Tells systemd that the bridge is ready, and that it lives while the tracking loop does.
struct ReadinessService: Service {
  let daemon: Daemon
  let manager: ServiceManager

  func run() async throws {
    while daemon.problem != nil {
      try await Task.sleep(for: .milliseconds(10))
    }
    manager.ready("running")
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        try? await Task.sleep(for: .seconds(manager.interval ?? 3600))
        if daemon.problem == nil, !Task.isCancelled { manager.alive() }
      }
    }
    manager.stopping()
  }
}

/// The live table inside `run --view`.
struct ViewService: Service {
  let socket: String

  func run() async throws {
    let view = WatchView(socket: socket, json: false, roles: [], rate: 0)
    view.start()
    try? await gracefulShutdown()
    view.stop()
  }
}

/// An error that ends the program with one sentence and exit code 1.
struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
