import Bridge
import BridgeClient
import BridgeProtocol
import Dialogue
import Foundation
import Logging
import Sensing
import ServiceLifecycle
import SessionLog
import TestSupport
import TrackingPipeline

/// A bridge inside the test, on a socket of its own.
final class TestBridge: Sendable {
  let socket: String
  let stateFolder: String
  let daemon: Daemon
  private let group: ServiceGroup
  private let task: Task<Void, any Error>

  init(
    socket: String? = nil, replay: SessionPlayer? = nil, language: (any LanguageModel)? = nil,
    _ configure: (inout Configuration) -> Void = { _ in }
  ) throws {
    let path = try socket ?? TestPaths.temporaryFolder() + "/s"
    self.socket = path
    var configuration = Configuration()
    configuration.socketPath = Setting(path, from: "test")
    configuration.descriptions = Setting(TestPaths.descriptions, from: "test")
    configuration.ownDescriptions = nil
    configuration.hardware = Setting(false, from: "test")
    configuration.stateFolder = try TestPaths.temporaryFolder()
    configure(&configuration)
    stateFolder = configuration.stateFolder
    var log = Logger(label: "test") { StreamLogHandler.standardError(label: $0) }
    log.logLevel = .critical
    daemon = try Daemon(
      configuration, log: log, replay: replay, clients: RemoteClients(languageModel: language))
    let group = ServiceGroup(services: daemon.services, logger: log)
    self.group = group
    task = Task { try await group.run() }
  }

  /// Stops in order, as after SIGTERM.
  ///
  /// - Returns: the seconds it took.
  @discardableResult
  func stop() async -> Double {
    let begin = Date()
    await group.triggerGracefulShutdown()
    _ = try? await task.value
    return Date().timeIntervalSince(begin)
  }

  func connect(_ name: String = "test") async throws -> TestConnection {
    let socket = socket
    return TestConnection(try await onThread { try BridgeConnection(path: socket, clientName: name) })
  }

  /// Records this many seconds after `body`.
  func record(
    to path: String, seconds: Double, while body: () async throws -> Void = {}
  ) async throws -> RecordingStatus {
    let recording = daemon.recording
    try recording.start(RecordingPlan(path: path))
    try await body()
    try await Task.sleep(nanoseconds: UInt64(seconds * 1e9))
    return try await onThread { recording.stop() }
  }

  func devices() async throws -> [Vrbridge_V1_Device] {
    try await connect().request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices
  }
}

/// A connection whose waiting does not hold a thread of Swift's small pool, on which the bridge's services start
/// and stop.
struct TestConnection: Sendable {
  private let connection: BridgeConnection

  init(_ connection: BridgeConnection) { self.connection = connection }

  func receive() async throws -> ServerFrame {
    let connection = connection
    return try await onThread { try connection.receive() }
  }

  /// - Returns: the reply, and the frames before it.
  func exchange(_ message: ClientFrame.OneOf_Message) async throws -> (ServerFrame, [ServerFrame]) {
    let connection = connection
    return try await onThread {
      var others: [ServerFrame] = []
      return (try connection.request(message) { others.append($0) }, others)
    }
  }

  @discardableResult
  func request(_ message: ClientFrame.OneOf_Message) async throws -> ServerFrame {
    try await exchange(message).0
  }
}

private let queue = DispatchQueue(label: "blocking", attributes: .concurrent)

func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    queue.async { continuation.resume(with: Swift.Result { try body() }) }
  }
}
