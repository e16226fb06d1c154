import Admission
import Authorisation
import BridgeProtocol
import CLinux
import Diagnostics
import Glibc
import Logging
import Sensing
import SwiftProtobuf
import Synchronization

/// The connected clients: admits, fails and drops them, and flushes their output.
///
/// Belongs to the server's thread.
final class ClientTable {
  private let server: SocketServer
  private let epoll: Int32
  private let timer: Int32
  private var clients: [UInt64: ClientConnection] = [:]
  /// The clients in the order of their connection.
  private(set) var all: [ClientConnection] = []
  /// Whether subscriptions may have changed since the caller reset it.
  var isDemandStale = false
  private var nextToken = ServerThread.firstClientToken
  private var isTimerArmed = false
  private let admission: AdmissionControl
  private let refusals = LogLimit()
  private let drops = LogLimit()

  private var options: SocketServer.Options { server.options }

  /// - Parameter timer: is owned by the table.
  init(server: SocketServer, epoll: Int32, timer: Int32) {
    self.server = server
    self.epoll = epoll
    self.timer = timer
    admission = AdmissionControl(
      AdmissionControl.Limits(total: server.options.maximumClients), owners: [0, geteuid()],
      remedy: "close one, or raise 'socket: max_clients'", budget: .process)
  }

  deinit { Glibc.close(timer) }

  subscript(token: UInt64) -> ClientConnection? { clients[token] }

  /// Admits a new connection, or refuses it by the limit of clients and its rights.
  func accept(_ descriptor: Int32) {
    var process: UInt32 = 0
    var user: UInt32 = 0
    var group: UInt32 = 0
    guard linux_peer_credentials(descriptor, &process, &user, &group) == 0 else {
      UnidentifiedPeers.process.add()
      Glibc.close(descriptor)
      if let left = refusals.permit() {
        server.dependencies.log.warning(
          "client refused",
          metadata: ["reason": "the user of a connection cannot be determined", "lines_left_out": "\(left)"])
      }
      return
    }
    let token = nextToken
    nextToken += 1
    func connection(_ rights: Rights) -> ClientConnection {
      ClientConnection(
        fileDescriptor: descriptor, token: token, user: user, process: process, rights: rights,
        now: linux_monotonic_ns())
    }
    let ticket: AdmissionControl.Ticket
    do throws(AdmissionError) { ticket = try admission.admit(.user(user)) } catch {
      return refuse(connection(Rights(.user(user), scopes: [])), RequestError(.tooManyClients, error))
    }
    // Behind the limits: scopes read the database of groups, which takes long.
    let client = connection(Rights(.user(user), scopes: server.scopes(user: user, group: group)))
    client.ticket = ticket
    // Before the greeting: a client without rights takes no place.
    let policy = server.dependencies.handler.policy
    do throws(AuthorisationError) { try policy.require(.request(.hello), by: client.rights) } catch {
      return refuse(client, RequestError(.forbidden, error))
    }
    client.canPassDescriptors = policy.permits(.request(.shareFrames), by: client.rights)
    // What came before this, and on earlier kernels, the reader discards.
    if !client.canPassDescriptors { linux_set_descriptor_passing(descriptor, false) }
    clients[token] = client
    all.append(client)
    server.clientCount.store(clients.count, ordering: .relaxed)
    linux_epoll_add(epoll, descriptor, token, 0)
    armTimer()
  }

  /// Sends the error, as far as the socket takes it at once, and closes.
  private func refuse(_ client: ClientConnection, _ error: RequestError) {
    _ = client.send(.with { $0.error = error.encoded(isFatal: true) })
    _ = client.flush(now: linux_monotonic_ns())
    endInput(client)
    Glibc.close(client.fileDescriptor)
    client.ticket = nil
    guard let left = refusals.permit() else { return }
    server.dependencies.log.notice(
      "client refused",
      metadata: [
        "pid": "\(client.process)", "user": "\(client.user)", "reason": "\(error.printed)",
        "lines_left_out": "\(left)",
      ])
  }

  /// Closes the connection.
  ///
  /// - Parameter reason: for the log; nil for a client that left.
  func drop(_ client: ClientConnection, because reason: String? = nil) {
    guard clients.removeValue(forKey: client.token) != nil else { return }
    all.removeAll { $0 === client }
    isDemandStale = true
    server.clientCount.store(clients.count, ordering: .relaxed)
    linux_epoll_remove(epoll, client.fileDescriptor)
    Glibc.close(client.fileDescriptor)
    client.ticket = nil
    if let reason, let left = drops.permit() {
      server.dependencies.log.notice(
        "client dropped",
        metadata: [
          "client": "\(client.name)", "pid": "\(client.process)", "reason": "\(reason)",
          "lines_left_out": "\(left)",
        ])
    }
  }

  /// Sends the error and closes the connection.
  func fail(_ client: ClientConnection, _ error: RequestError, replyTo: UInt64 = 0) {
    _ = client.send(
      .with {
        $0.replyTo = replyTo
        $0.error = error.encoded(isFatal: true)
      })
    _ = client.flush(now: linux_monotonic_ns())
    endInput(client)
    drop(client, because: error.printed)
  }

  /// Discards the input before the connection is closed: with unread bytes in the socket, closing would reset the
  /// connection and lose the error.
  private func endInput(_ client: ClientConnection) {
    shutdown(client.fileDescriptor, Int32(SHUT_WR))
    withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { buffer in
      for _ in 0..<16
      where recv(client.fileDescriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT)) <= 0 {
        return
      }
    }
  }

  // MARK: timeouts

  /// Notes whether a client owes the rest of a frame.
  func noteInput(of client: ClientConnection) {
    let isPartial = client.reader.pendingBytes > 0 && !client.hasBacklog
    client.partialSince = isPartial ? client.partialSince ?? linux_monotonic_ns() : nil
    if isPartial { armTimer() }
  }

  /// Drops clients that sent no Hello or no whole frame in time, or leave their output unread.
  func sweep() {
    var expirations: UInt64 = 0
    _ = read(timer, &expirations, 8)
    isTimerArmed = false
    let now = linux_monotonic_ns()
    for client in all {
      if !client.isGreeted, Double(now - client.connectedAt) * 1e-9 > options.greetingTimeout {
        fail(
          client,
          RequestError(.timeout, "hello-timeout", "no Hello came within \(options.greetingTimeout) s"))
      } else if let since = client.partialSince, Double(now - since) * 1e-9 > options.frameTimeout {
        fail(
          client,
          RequestError(
            .timeout, "frame-timeout", "the rest of a frame did not come within \(options.frameTimeout) s"))
      } else if let since = client.stalledSince, Double(now - since) * 1e-9 > options.stallTimeout {
        fail(
          client,
          RequestError(
            .tooSlow, "client-output-unread", "output was not read for \(options.stallTimeout) s; read faster"
          ))
      }
    }
    armTimer()
  }

  /// Sets the timer while a client may time out.
  private func armTimer() {
    // Not set again while it runs: a flood of connections must not postpone the sweep for ever.
    guard !isTimerArmed,
      clients.values.contains(where: {
        !$0.isGreeted || $0.stalledSince != nil || $0.partialSince != nil
      })
    else {
      return
    }
    isTimerArmed = true
    linux_timerfd_set(timer, 500_000_000, 0)
  }

  // MARK: output

  /// Writes the output of all clients but those whose sockets are full: epoll reports when they take more.
  func flushAll() {
    let now = linux_monotonic_ns()
    for client in all where !client.wantsWritable && (client.pendingOutput > 0 || client.hasQueued) {
      switch client.flush(now: now) {
      case .done: setWritable(client, false)
      case .blocked:
        setWritable(client, true)
        armTimer()
      case .broken: drop(client)
      }
    }
  }

  /// Notes that the client's socket takes output again.
  func becameWritable(_ client: ClientConnection) { setWritable(client, false) }

  private func setWritable(_ client: ClientConnection, _ wanted: Bool) {
    guard client.wantsWritable != wanted else { return }
    client.wantsWritable = wanted
    linux_epoll_change(epoll, client.fileDescriptor, client.token, wanted ? 1 : 0)
  }
}
