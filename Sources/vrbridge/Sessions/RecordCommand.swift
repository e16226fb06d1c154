import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import Foundation
import Glibc
import Synchronization
import SwiftProtobuf

struct RecordCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record a session from the running bridge into an MCAP file.",
    discussion: """
      The bridge writes the file, as its own user; Ctrl-C ends the recording. Should this command be killed, the \
      recording goes on: 'vrbridge record --stop' ends it. Cameras and microphones are recorded only when --streams \
      names them.
      """)

  @Argument(help: "File to write; one that is there is not overwritten.")
  var out: String?

  @Option(
    help: ArgumentHelp(
      "Of reports, states, controls, figures, log, annotations, camera, microphone; all but the last two when not given. Reports are always recorded.",
      valueName: "a,b"))
  var streams: String?

  @Option(help: ArgumentHelp("End after this time: 90, 10m, 2h.", valueName: "time"))
  var duration: Span?

  @Option(help: ArgumentHelp("End at this size of all files: 500M, 2G.", valueName: "size"))
  var maxSize: ByteCount?

  @Option(
    help: ArgumentHelp("Begin a new file after this size or time: 500M, 10min.", valueName: "size|time"))
  var split: SplitRule?

  @Flag(help: "End the recording that runs.")
  var stop = false

  @Flag(help: "Tell how the recording goes.")
  var status = false

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  func validate() throws {
    guard [out != nil, stop, status].filter({ $0 }).count == 1 else {
      throw ValidationError("name a file to record into, or give --stop or --status")
    }
  }

  func run() async throws {
    let connection: BridgeConnection
    do { connection = try BridgeConnection(path: socket, clientName: "vrbridge record") } catch {
      throw Failure(String(describing: error))
    }
    if status {
      let now = try Self.ask(connection, .getRecording(Vrbridge_V1_GetRecording()))
      print(now.running ? Self.line(now, rate: nil) : Self.summary(now))
      return
    }
    if stop {
      let before = try Self.ask(connection, .getRecording(Vrbridge_V1_GetRecording()))
      guard before.running else { throw Failure("no recording runs") }
      print(Self.summary(try Self.end(connection)))
      return
    }
    var request = Vrbridge_V1_StartRecording()
    // The bridge has another working folder than this terminal.
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
    if !last.failure.isEmpty { throw ExitCode(1) }
  }

  /// Raised once, by a signal.
  final class Latch: Sendable {
    private let value = Atomic<Bool>(false)
    var isRaised: Bool { value.load(ordering: .relaxed) }
    func raise() { value.store(true, ordering: .relaxed) }
  }

  private static func ask(
    _ connection: BridgeConnection, _ message: ClientFrame.OneOf_Message
  ) throws -> Vrbridge_V1_RecordingStatus {
    do {
      let frame = try connection.request(message)
      guard case .recordingStatus(let status) = frame.message else {
        throw Failure("the bridge answered something else than the recording's status")
      }
      return status
    } catch let error as BridgeClientError {
      throw Failure(String(describing: error))
    }
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
      FileHandle.standardError.write(Data("\r\u{1b}[K\(text)".utf8))
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
