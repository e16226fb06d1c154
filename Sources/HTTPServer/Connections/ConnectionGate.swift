public import Admission
public import Authorisation
import CLinux
import Glibc
public import Logging
public import NIOCore
import NIOPosix
public import Sensing
import Synchronization

/// Admits the connections of one listener of SwiftNIO: identifies the other end, counts it, looks its rights up, and watches
/// its time.
public struct ConnectionGate: Sendable {
  private let service: String
  private let admission: AdmissionControl
  private let timeouts: ConnectionTimeouts
  private let access: ClientAccess?
  private let machines: Set<Scope>
  private let log: Logger
  private let unidentified = LogLimit()
  private let refused = LogLimit()
  private let closed = LogLimit()
  private let exhausted = LogLimit()

  /// - Parameters:
  ///   - service: begins the lines of the log, such as "HTTP".
  ///   - access: of clients that show no token; nil where all must show one.
  ///   - machines: scopes of other machines.
  public init(
    _ service: String, limits: AdmissionControl.Limits, timeouts: ConnectionTimeouts = .init(),
    access: ClientAccess?, machines: Set<Scope> = [], log: Logger
  ) {
    self.service = service
    self.timeouts = timeouts
    self.access = access
    self.machines = machines
    self.log = log
    admission = AdmissionControl(limits, owners: [0, geteuid()], remedy: "close one", budget: .process)
  }

  /// Finds the other end of a connection, admits it, and adds its watch to the pipeline; in the initializer of the child
  /// channel, before any other handler.
  ///
  /// - Throws: `AdmissionError` for a connection beyond the limits, to be answered and closed; any other error of the pipeline.
  public func admit(_ channel: any Channel) throws -> AcceptedConnection {
    let (principal, problem) = PeerIdentity.principal(of: channel)
    if let problem {
      UnidentifiedPeers.process.add()
      report(
        unidentified, "\(service): the user of a connection cannot be determined",
        ["reason": "\(String(cString: strerror(problem)))"])
    }
    return try admit(channel, as: principal)
  }

  /// Looks up the rights of an admitted connection, off the event loop: the system's tables of users and groups may be on
  /// a server. In the initializer of the child channel, which reads nothing until its result is there.
  public func identify(_ connection: AcceptedConnection, on loop: any EventLoop) -> EventLoopFuture<Void> {
    guard let access else { return loop.makeSucceededVoidFuture() }
    return NIOThreadPool.singleton.runIfActive(eventLoop: loop) { [machines] in
      connection.identify(access.rights(of: connection.principal, machines: machines))
    }
  }

  /// Logs that an admitted client was refused for lack of rights.
  public func reportRefusal(of principal: Principal, _ error: AuthorisationError) {
    reportRefusal(of: principal, error.description)
  }

  /// Logs that an admitted client was refused.
  public func reportRefusal(of principal: Principal, _ reason: String) {
    report(refused, "\(service): a client was refused", ["client": "\(principal)", "reason": "\(reason)"])
  }

  /// Admits a connection to a party that is known before the connection exists.
  ///
  /// - Throws: `AdmissionError` for a connection beyond the limits; any other error of the pipeline.
  public func admit(_ channel: any Channel, as principal: Principal) throws -> AcceptedConnection {
    let connection = AcceptedConnection(principal)
    do throws(AdmissionError) {
      let ticket = try admission.admit(principal)
      channel.closeFuture.whenComplete { _ in ticket.release() }
    } catch {
      report(refused, "\(service): a client was refused", ["client": "\(principal)", "reason": "\(error)"])
      throw error
    }
    let watch = ConnectionWatch(connection, timeouts) { [service, closed, log] reason in
      guard let left = closed.permit() else { return }
      log.notice(
        "\(service): a client was dropped",
        metadata: ["client": "\(principal)", "reason": "\(reason)", "lines_left_out": "\(left)"])
    }
    try channel.pipeline.syncOperations.addHandler(watch)
    return connection
  }

  /// Returns the party that sent a datagram: a machine, or an unknown user of this one.
  ///
  /// - Parameter listener: the address of the service.
  public func sender(of datagram: SocketAddress, to listener: SocketAddress?) -> Principal {
    PeerIdentity.sender(datagram, to: listener)
  }

  /// Answers a connection that was not admitted, and closes it.
  ///
  /// - Parameter answer: bytes of the service's protocol.
  public func refuse(_ channel: any Channel, answer: [UInt8]) throws {
    let lingers = LingeringConnections.process.begin()
    if lingers { channel.closeFuture.whenComplete { _ in LingeringConnections.process.end() } }
    try channel.pipeline.syncOperations.addHandler(RefusalHandler(answer: answer, lingers: lingers))
  }

  /// Makes a listening channel pause while all connections are taken, and answer when descriptors are used up.
  public func guardListener(_ channel: any Channel, answer: [UInt8]) async throws {
    try await channel.eventLoop.submit { try guardListenerSync(channel, answer: answer) }.get()
  }

  private func guardListenerSync(_ channel: any Channel, answer: [UInt8]) throws {
    let gate = AcceptGate(capacity: admission.limits.total + 2 * LingeringConnections.limit, answer: answer) {
      error in
      report(
        exhausted, "\(service): clients can't be accepted",
        ["reason": "\(String(cString: strerror(error)))"])
    }
    try channel.pipeline.syncOperations.addHandler(gate, position: .first)
  }

  private func report(_ limit: LogLimit, _ line: Logger.Message, _ metadata: Logger.Metadata) {
    guard let left = limit.permit() else { return }
    log.warning(line, metadata: metadata.merging(["lines_left_out": "\(left)"]) { $1 })
  }
}

/// Counts the refused connections, of all listeners, that stay open until the client has read the answer.
private final class LingeringConnections: Sendable {
  private let count = Atomic(0)

  static let process = LingeringConnections()
  static let limit = 16

  /// - Returns: false when there are too many: the connection must be closed with its answer.
  func begin() -> Bool {
    guard count.wrappingAdd(1, ordering: .relaxed).newValue > Self.limit else { return true }
    end()
    return false
  }

  func end() { count.wrappingSubtract(1, ordering: .relaxed) }
}
