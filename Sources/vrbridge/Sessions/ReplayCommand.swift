import ArgumentParser
import Bridge
import Evaluation
import Foundation
import Glibc
import Logging
import MCAP
import ServiceLifecycle
import StrictYAML
import Tracking
import UnixSignals

struct ReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Play a session: as a bridge for clients, or to check and compute it anew.",
    discussion: """
      Reports go through the same code as from devices; stamps are the recorded ones, moved to now. In a terminal the \
      space bar pauses, '.' plays one report, 'q' ends.

      With --verify, every state is computed anew and compared with what was recorded, bit for bit; the last line is \
      the SHA-256 of what was computed. With --with and --output, another filter computes a second opinion, which \
      'vrbridge compare' sets against the first.
      """)

  @Argument(help: "Session (.mcap).")
  var session: String

  @Flag(help: "Compute all states anew and compare; ends with an error at the first difference.")
  var verify = false

  @Option(
    name: .customLong("with"),
    help: ArgumentHelp("Settings of the orientation filter to compute with.", valueName: "filter.yaml"))
  var settings: String?

  @Option(help: "Session to write what was computed to; with --with.")
  var output: String?

  @Option(help: "1 is the recorded pace; max as fast as it goes.")
  var speed: String = "1"

  @Option(help: ArgumentHelp("Begin so long after the start: 90, 10m.", valueName: "time"))
  var from: Span?

  @Option(help: ArgumentHelp("End so long after the start.", valueName: "time"))
  var to: Span?

  @Flag(help: "Begin again at the end.")
  var loop = false

  @Flag(help: "Begin paused.")
  var paused = false

  @Option(help: "Path of the socket that clients find the replay on.")
  var socket: String?

  @Flag(help: "Show a live table of the devices in this terminal.")
  var view = false

  func validate() throws {
    if output != nil, settings == nil { throw ValidationError("--output needs --with FILTER.yaml") }
    if settings != nil, output == nil { throw ValidationError("--with needs --output OUT.mcap") }
    if verify, settings != nil {
      throw ValidationError("--verify compares with the recorded filter, --with computes with another")
    }
    if let from, let to, to.seconds <= from.seconds {
      throw ValidationError("--to must be after --from")
    }
  }

  func run() async throws {
    if verify { return try runVerify() }
    if let settings, let output { return try rewrite(settings, output) }
    try await play()
  }

  private func runVerify() throws {
    let result: SessionVerifier.Result
    do { result = try SessionVerifier(path: session).run() } catch {
      throw Failure("\(session): \(error)")
    }
    for fault in result.faults { FileHandle.standardError.write(Data("\(session): \(fault)\n".utf8)) }
    print(
      "\(result.reports) reports, \(result.states) states of \(Span.text(result.duration)) computed, "
        + "\(result.compared) compared")
    if result.lost > 0 {
      print("\(result.lost) records were lost while recording; each loss ends in a snapshot")
    }
    if let difference = result.difference {
      print("DIFFERENT: \(difference)")
    } else if result.states > 0, result.compared == 0 {
      print("the session holds no states to compare with")
    } else {
      print("equal, bit for bit")
    }
    print(result.digest)
    if result.difference != nil || (result.states > 0 && result.compared == 0) { throw ExitCode(1) }
  }

  private func rewrite(_ settings: String, _ output: String) throws {
    guard let text = try? String(contentsOfFile: settings, encoding: .utf8) else {
      throw Failure("the settings \(settings) can't be read")
    }
    do {
      let chosen = try OrientationSettings(yaml: text, file: settings)
      let result = try SessionRewriter(path: session).run(settings: chosen, output: output)
      print("\(result.states) states computed anew, \(result.messages) messages in \(output)")
    } catch {
      throw Failure(String(describing: error))
    }
  }

  private func play() async throws {
    let pace: Double?
    if speed == "max" {
      pace = nil
    } else {
      guard let value = Double(speed), value >= 0.01, value <= 1000 else {
        throw ValidationError("--speed must be max, or 0.01 to 1000")
      }
      pace = value
    }
    var configuration = Configuration()
    do { try configuration.apply(environment: ProcessInfo.processInfo.environment) } catch {
      throw Failure(String(describing: error))
    }
    configuration.hardware = Setting(false, from: "replay")
    if let socket { configuration.socketPath = Setting(socket, from: "--socket") }
    let log = Logger.standardError(view && Terminal.isInteractive ? .error : .info)
    let replay: SessionPlayer
    let daemon: Daemon
    do {
      replay = try SessionPlayer(
        path: session,
        options: SessionPlayer.Options(
          speed: pace, from: from?.seconds ?? 0, to: to?.seconds, loops: loop, isPaused: paused))
      daemon = try Daemon(configuration, log: log, replay: replay)
    } catch { throw Failure(String(describing: error)) }
    var services: [ServiceGroupConfiguration.ServiceConfiguration] = daemon.services.map {
      .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
    }
    if view { services.append(.init(service: ViewService(socket: daemon.socketPath))) }
    let keys = KeyReader { key in
      switch key {
      case " ": replay.togglePause()
      case ".": replay.step()
      case "q": replay.stop()
      default: break
      }
    }
    defer { keys.stop() }
    var quiet = log
    quiet.logLevel = .warning
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
    try await group.run()
    for fault in replay.faults { log.warning("\(session): \(fault)") }
    if let failure = replay.failure { throw Failure("\(session): \(failure)") }
    if !view { print("\(replay.reports) reports played") }
  }
}

/// Reads single keys from a terminal, without waiting for a line.
private final class KeyReader: Sendable {
  private let before: termios?

  init(_ handler: @escaping @Sendable (Character) -> Void) {
    guard isatty(STDIN_FILENO) == 1 else {
      before = nil
      return
    }
    var settings = termios()
    tcgetattr(STDIN_FILENO, &settings)
    before = settings
    settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
    tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    let thread = Thread {
      var byte: UInt8 = 0
      while read(STDIN_FILENO, &byte, 1) == 1 { handler(Character(UnicodeScalar(byte))) }
    }
    thread.start()
  }

  /// Gives the terminal back as it was.
  func stop() {
    guard var before else { return }
    tcsetattr(STDIN_FILENO, TCSANOW, &before)
  }
}
