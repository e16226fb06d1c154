import ArgumentParser
import Bridge
import CommandSupport
import Foundation
import Glibc
import InertialTables
import Logging
import MCAP
import ServiceLifecycle
import StrictYAML
import Tracking
import UnixSignals
import TrackingPipeline
import SessionTools
import Diagnostics

struct ReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Replay a session for clients, verify it, or recompute it with another filter.",
    discussion: discussion(
      """
      Reports pass through the same code as from devices; recorded stamps are shifted to the present. In a terminal \
      the space bar pauses, '.' plays one report, 'q' ends.

      --verify recomputes every state and compares it with the recorded one, bit for bit, between --from and --to; the \
      last line is the SHA-256 of the computed states. Exit status 0 when all are equal, 1 when one differs, 2 when \
      nothing was compared or a part of the session can't be read. --with and --output recompute the states with another filter; 'vrbridge compare' \
      compares the two sessions.
      """,
      examples: "vrbridge replay session.mcap --view", "vrbridge replay session.mcap --verify",
      "vrbridge replay session.mcap --with filter.yaml --output other.mcap"))

  @Argument(help: "Session (.mcap).", completion: .session)
  var session: String

  @Flag(help: "Recompute all states and compare, up to the first difference.")
  var verify = false

  @Option(
    name: .customLong("with"),
    help: ArgumentHelp(
      "Recompute with the filter settings of this YAML file, with --output (default: none).",
      valueName: "filter.yaml"), completion: .file())
  var settings: String?

  @Option(
    help: ArgumentHelp(
      "Write the recomputed session to this file, with --with (default: none).", valueName: "out.mcap"),
    completion: .file())
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Play at this multiple of the recorded speed, 0.01 to 1000, or max.", valueName: "factor"))
  var speed: String = "1"

  @Option(
    help: ArgumentHelp(
      "Begin at this time after the start: 90 (seconds), 10m (default: 0).", valueName: "time"))
  var from: Span?

  @Option(
    help: ArgumentHelp(
      "End at this time after the start: 90 (seconds), 10m (default: the end).", valueName: "time"))
  var to: Span?

  @Flag(help: "Restart at the end.")
  var loop = false

  @Flag(help: "Start paused.")
  var paused = false

  @Option(
    help: ArgumentHelp(
      "Serve the replay on a socket at this path (default: the bridge's usual path).", valueName: "path"),
    completion: .file())
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
    let range: ClosedRange<Double>? =
      from == nil && to == nil ? nil : (from?.seconds ?? 0)...(to?.seconds ?? .infinity)
    let result = try SessionErrors.naming(session) { try SessionVerifier(path: session).run(range: range) }
    SessionErrors.list(result.faults, of: session)
    print(
      "\(result.reports) reports, \(result.states) states of \(Span.text(result.duration)) computed, "
        + "\(result.compared) compared")
    if result.lost > 0 {
      print(
        "\(result.lost) records were lost while recording; each loss that ended is followed by a snapshot")
    }
    switch result.verdict {
    case .equal:
      print("equal, bit for bit")
      print(result.digest)
    case .different(let difference):
      print("DIFFERENT: \(Terminal.field(difference))")
      print(result.digest)
      throw ExitCode.differs
    case .unverified(let reason):
      throw CommandError("not-verified", "\(session): \(Terminal.field(reason))")
    }
  }

  private func rewrite(_ settings: String, _ output: String) throws {
    let chosen = try EstimatorSettings(file: settings)
    let result = try SessionErrors.naming(session) {
      try SessionRewriter(path: session).run(settings: chosen, output: output)
    }
    print("\(result.states) states recomputed, \(result.messages) messages in \(output)")
    try SessionErrors.report(result.faults, of: session, in: output)
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
    try configuration.apply(environment: ProcessInfo.processInfo.environment)
    configuration.hardware = Setting(false, from: "replay")
    if let socket { configuration.socketPath = Setting(socket, from: "--socket") }
    let messages = view && Terminal.isInteractive ? ViewMessages() : nil
    defer { messages?.flush() }
    let log = messages.map { Logger.table($0, .info, from: .warning) } ?? .standardError(.info)
    let replay = try SessionErrors.naming(session) {
      try SessionPlayer(
        path: session,
        options: SessionPlayer.Options(
          speed: pace, from: from?.seconds ?? 0, to: to?.seconds, loops: loop, isPaused: paused))
    }
    let daemon = try Daemon(configuration, log: log, replay: replay)
    var services: [ServiceGroupConfiguration.ServiceConfiguration] = daemon.services.map {
      .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
    }
    if view {
      let path = daemon.socketPath
      services.append(
        .init(service: ViewService(socket: path, addresses: ["socket \(path)"], messages: messages)))
    }
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
    SessionErrors.list(replay.faults, of: session)
    if let failure = replay.failure { throw CommandError("replay-failed", "\(session): \(failure)") }
    if !view { print("\(replay.reports) reports played") }
    if replay.isUnplayed {
      throw CommandError(
        "nothing-to-play",
        "\(session) holds nothing to play\(from == nil && to == nil ? "" : " between --from and --to"); 'vrbridge info \(session)' lists its devices and its length"
      )
    }
    if !replay.faults.isEmpty {
      throw CommandError("session-damaged", "\(session) is damaged; its unreadable part was not played")
    }
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

  /// Restores the terminal's settings.
  func stop() {
    guard var before else { return }
    tcsetattr(STDIN_FILENO, TCSANOW, &before)
  }
}
