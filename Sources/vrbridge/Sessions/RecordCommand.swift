import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import CommandSupport
import Foundation
import Glibc
import Synchronization
import SwiftProtobuf
import Diagnostics

struct RecordCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record a session from the running bridge into an MCAP file.",
    discussion: discussion(
      """
      The bridge writes the file as its own user; Ctrl-C ends the recording. If this command is killed, the recording \
      continues: 'vrbridge record --stop' ends it. Cameras and microphones are recorded only when --streams names them.
      """,
      examples: "vrbridge record session.mcap", "vrbridge record talk.mcap --streams annotations,microphone"))

  @Argument(help: "File to write; an existing one is not overwritten.", completion: .file())
  var out: String?

  @Option(
    help: ArgumentHelp(
      "Record these streams: reports, states, controls, figures, log, annotations, camera, microphone (default: all but the last two). Reports are always recorded.",
      valueName: "a,b"))
  var streams: String?

  @Option(
    help: ArgumentHelp("End after this time: 90 (seconds), 10m, 2h (default: at Ctrl-C).", valueName: "time"))
  var duration: Span?

  @Option(
    help: ArgumentHelp(
      "End when all files together have this size: 500M, 2G (default: no limit).", valueName: "size"))
  var maxSize: ByteCount?

  @Option(
    help: ArgumentHelp(
      "Begin a new file after this size or time: 500M, 10min (default: one file).", valueName: "size|time"))
  var split: SplitRule?

  @Flag(help: "End the current recording.")
  var stop = false

  @Flag(help: "Print the state of the current recording.")
  var status = false

  @Option(help: .socket, completion: .file())
  var socket: String?

  func validate() throws {
    guard [out != nil, stop, status].filter({ $0 }).count == 1 else {
      throw ValidationError("one of a file to write, --stop and --status is needed")
    }
    // 0 stands for no limit in the protocol.
    if let duration, !(duration.seconds > 0) {
      throw ValidationError("--duration: above 0, such as 90 or 10m")
    }
  }

  func run() async throws {
    let connection = try BridgeConnection(path: socket, clientName: "vrbridge record")
    if status {
      let now = try Self.ask(connection, .getRecording(Vrbridge_V1_GetRecording()))
      print(now.running ? Self.line(now, rate: nil) : Self.summary(now))
      return
    }
    if stop {
      let before = try Self.ask(connection, .getRecording(Vrbridge_V1_GetRecording()))
      guard before.running else { throw CommandError("not-recording", "no recording is running") }
      print(Self.summary(try Self.end(connection)))
      return
    }
    var request = Vrbridge_V1_StartRecording()
    // Absolute: the bridge has another working folder than this terminal.
    request.path = URL(fileURLWithPath: out ?? "").standardizedFileURL.path
    request.streams = streams?.split(separator: ",").map(String.init) ?? []
    request.durationS = duration?.seconds ?? 0
    request.maxBytes = maxSize?.bytes ?? 0
    request.splitBytes = split?.bytes ?? 0
    request.splitS = split?.seconds ?? 0
    _ = try Self.ask(connection, .startRecording(request))
    let isInterrupted = Latch()
    let last = try await onInterrupt {
      isInterrupted.raise()
    } while: {
      try Self.follow(connection, until: isInterrupted)
    }
    print(Self.summary(last))
    if !last.failure.isEmpty { throw ExitCode.couldNot }
  }

  /// A flag that a signal sets once.
  final class Latch: Sendable {
    private let value = Atomic<Bool>(false)
    var isRaised: Bool { value.load(ordering: .relaxed) }
    func raise() { value.store(true, ordering: .relaxed) }
  }

  private static func ask(
    _ connection: BridgeConnection, _ message: ClientFrame.OneOf_Message
  ) throws -> Vrbridge_V1_RecordingStatus {
    let frame = try connection.request(message)
    guard case .recordingStatus(let status) = frame.message else {
      throw CommandError("protocol-error", "the bridge sent no recording status in its reply")
    }
    return status
  }

  private static func end(_ connection: BridgeConnection) throws -> Vrbridge_V1_RecordingStatus {
    var status = try ask(connection, .stopRecording(Vrbridge_V1_StopRecording()))
    while status.running {
      usleep(20_000)
      status = try ask(connection, .getRecording(Vrbridge_V1_GetRecording()))
    }
    return status
  }

  private static func follow(_ connection: BridgeConnection, until latch: Latch) throws
    -> Vrbridge_V1_RecordingStatus
  {
    var before: Vrbridge_V1_RecordingStatus?
    let isTerminal = isatty(STDERR_FILENO) == 1
    func show(_ text: String) {
      guard isTerminal else { return }
      Terminal.writeError(Terminal.restartLine + text)
    }
    defer { show("") }
    while true {
      let now = try ask(connection, .getRecording(Vrbridge_V1_GetRecording()))
      guard now.running else { return now }
      let rate = before.flatMap { before in
        now.seconds > before.seconds
          ? Double(now.bytes &- min(before.bytes, now.bytes)) / (now.seconds - before.seconds) : nil
      }
      show(line(now, rate: rate))
      before = now
      for _ in 0..<25 {
        if latch.isRaised { return try end(connection) }
        usleep(20_000)
      }
    }
  }

  static func line(_ status: Vrbridge_V1_RecordingStatus, rate: Double?) -> String {
    let speed = rate.map { ", \(ByteCount.text(UInt64($0)))/s" } ?? ""
    let drops = status.dropped == 0 ? "no drops" : "\(status.dropped) DROPPED"
    return "recording \(Span.text(status.seconds)): \(ByteCount.text(status.bytes))\(speed), \(drops), "
      + "\(ByteCount.text(status.freeBytes)) free"
  }

  static func summary(_ status: Vrbridge_V1_RecordingStatus) -> String {
    guard !status.path.isEmpty else { return "nothing was recorded yet" }
    let files = status.files > 1 ? " in \(status.files) files" : ""
    let drops = status.dropped == 0 ? "no drops" : "\(status.dropped) records dropped"
    let text =
      "\(status.path): \(Span.text(status.seconds)), \(status.messages) messages, \(ByteCount.text(status.bytes))\(files), \(drops)"
    return status.failure.isEmpty ? text : text + "\n" + status.failure
  }
}
