import TrackingPipeline
import BridgeProtocol
import CLinux
import Glibc
import Logging
import Sensing
import SwiftProtobuf

/// The socket server's thread: accepts clients, handles their requests and sends them what they subscribed to.
///
/// Poses go first: they are distributed at the begin of a turn and between any two requests or connections, so that they
/// wait for one request at most, whatever other clients send.
///
/// Not `Sendable`: made on the thread, with its clients, and stays on it.
final class ServerThread {
  private let server: SocketServer
  private let clients: ClientTable
  private let listener: ClientListener
  private let acceptTimer: Int32
  private var distributor: EventDistributor
  private let epoll: Int32
  private var hadSubscription = false

  /// Clients with frames that wait for the next turn.
  private var backlog: [ClientConnection] = []

  /// Replies that a client may await at once.
  private static let maximumAwaited = 16
  /// Frames of one client that are handled in a turn; the others wait, and nothing more is read from the client.
  private static let framesPerTurn = 16
  private static let listenerToken: UInt64 = 1
  private static let eventsToken: UInt64 = 2
  private static let inboxToken: UInt64 = 3
  private static let timerToken: UInt64 = 4
  private static let acceptTimerToken: UInt64 = 5
  static let firstClientToken: UInt64 = 16

  private var options: SocketServer.Options { server.options }
  private var inbox: ServerInbox { server.dependencies.inbox }

  init(_ server: SocketServer) throws(StartError) {
    self.server = server
    let (epoll, timer, acceptTimer) = (linux_epoll_create(), linux_timerfd(), linux_timerfd())
    guard epoll >= 0, timer >= 0, acceptTimer >= 0 else {
      for descriptor in [epoll, timer, acceptTimer] where descriptor >= 0 { Glibc.close(descriptor) }
      throw .noDescriptors("socket server")
    }
    self.epoll = epoll
    self.acceptTimer = acceptTimer
    listener = ClientListener(
      server.listener.descriptor, epoll: epoll, token: Self.listenerToken, timer: acceptTimer,
      log: server.dependencies.log)
    clients = ClientTable(server: server, epoll: epoll, timer: timer)
    distributor = EventDistributor(
      events: server.dependencies.events, latency: server.latency,
      onControl: server.dependencies.onControl, onDeviceEvent: server.dependencies.onDeviceEvent)
    linux_epoll_add_signal(epoll, server.dependencies.events.wakeDescriptor, Self.eventsToken)
    linux_epoll_add_signal(epoll, inbox.descriptor, Self.inboxToken)
    linux_epoll_add(epoll, timer, Self.timerToken, 0)
    linux_epoll_add(epoll, acceptTimer, Self.acceptTimerToken, 0)
  }

  deinit {
    Glibc.close(acceptTimer)
    Glibc.close(epoll)
  }

  func run() {
    let events = server.dependencies.events
    let capacity = 64
    var tokens = [UInt64](repeating: 0, count: capacity)
    var conditions = [UInt32](repeating: 0, count: capacity)
    while !server.isStopping {
      let timeout: Int32 = events.prepareToWait() && backlog.isEmpty ? -1 : 0
      let count = Int(linux_epoll_wait(epoll, &tokens, &conditions, Int32(capacity), timeout))
      distributeEvents()
      handleBacklog()
      for index in 0..<max(0, count) { handle(tokens[index], conditions[index]) }
      distributeEvents()
      distributeInbox()
      updateDemand()
      clients.flushAll()
    }
    drain()
    updateDemand()
  }

  private func handle(_ token: UInt64, _ condition: UInt32) {
    switch token {
    case Self.listenerToken:
      listener.accept {
        clients.accept($0)
        distributeEvents()
      }
    case Self.acceptTimerToken: listener.resume()
    // Every turn takes what is there.
    case Self.eventsToken, Self.inboxToken: break
    case Self.timerToken: clients.sweep()
    default:
      guard let client = clients[token] else { return }
      if condition & UInt32(LINUX_WRITABLE) != 0 { clients.becameWritable(client) }
      if condition & UInt32(LINUX_READABLE) != 0 {
        receive(client)
      } else if condition & UInt32(LINUX_HANGUP) != 0 {
        clients.drop(client)
      }
    }
  }

  // MARK: requests

  private func receive(_ client: ClientConnection) {
    guard !client.hasBacklog else { return }
    // One read per turn: a client that floods waits for the others.
    let input = client.receive()
    if input.count == -Int(EAGAIN) { return }
    guard input.count > 0 else { return clients.drop(client) }
    guard !input.hasSurplusDescriptors else { return clients.fail(client, .passedDescriptors) }
    handleFrames(of: client)
  }

  /// Goes on with clients whose frames waited.
  private func handleBacklog() {
    let waiting = backlog
    backlog = []
    for client in waiting where clients[client.token] != nil {
      client.hasBacklog = false
      handleFrames(of: client)
    }
  }

  private func handleFrames(of client: ClientConnection) {
    defer { clients.noteInput(of: client) }
    var left = Self.framesPerTurn
    while clients[client.token] != nil {
      distributeEvents()
      guard left > 0 else {
        client.hasBacklog = true
        backlog.append(client)
        return
      }
      left -= 1
      let body: ArraySlice<UInt8>?
      do { body = try client.reader.next() } catch {
        return clients.fail(client, RequestError(.tooLarge, error))
      }
      guard let body else {
        // A descriptor belongs to the frame whose first byte it came with; others take none.
        if client.reader.pendingBytes == 0, client.takePassed() != nil {
          clients.fail(client, .passedDescriptors)
        }
        return
      }
      client.partialSince = nil
      let frame: ClientFrame
      do { frame = try ClientFrame(serializedBytes: Array(body)) } catch {
        return clients.fail(
          client, RequestError(.malformed, "frame-malformed", "the bytes of a frame are not a ClientFrame"))
      }
      clients.isDemandStale = true
      handle(frame, from: client)
    }
  }

  private func handle(_ frame: ClientFrame, from client: ClientConnection) {
    switch server.dependencies.handler.answer(frame, client) {
    case .refusal(let error): clients.fail(client, error, replyTo: frame.requestID)
    case .reply(let reply, let descriptor):
      // Replies wait for a client that sends requests without reading; the limit of its output ends that.
      guard client.send(reply, passing: descriptor) else { return clients.fail(client, .unreadReplies) }
    case .later(let work):
      guard client.awaited < Self.maximumAwaited else {
        return clients.fail(client, .tooManyAwaited, replyTo: frame.requestID)
      }
      client.awaited += 1
      let (token, inbox) = (client.token, inbox)
      Task { inbox.reply(await work(), to: token) }
    }
  }

  private func updateDemand() {
    guard clients.isDemandStale else { return }
    clients.isDemandStale = false
    let poses = Vrbridge_V1_Stream.poses.rawValue
    server.dependencies.demand.set(
      clients.all.reduce(0) { $0 + $1.subscriptions.count { $0.streams.contains(poses) } })
    if !hadSubscription, clients.all.contains(where: { !$0.subscriptions.isEmpty }) {
      hadSubscription = true
      server.dependencies.onFirstSubscription()
    }
  }

  // MARK: events

  /// Sends the poses and controls that wait; costs two loads where none does.
  private func distributeEvents() {
    guard !server.dependencies.events.isEmpty else { return }
    distributor.distributeEvents(to: clients.all)
    clients.flushAll()
  }

  private func distributeInbox() {
    let new = inbox.takeAll()
    distributor.distribute(new.annotations, to: clients.all)
    let devices = Vrbridge_V1_Stream.devices.rawValue
    for event in new.events {
      let frame = ServerFrame.with { $0.deviceEvent = Vrbridge_V1_DeviceEvent(event) }
      for client in clients.all where client.subscriptions.contains(where: { $0.streams.contains(devices) }) {
        if !client.send(frame) { clients.fail(client, .unreadEvents) }
      }
    }
    for (token, reply) in new.replies {
      guard let client = clients[token] else { continue }
      client.awaited -= 1
      if !client.send(reply) { clients.fail(client, .unreadReplies) }
    }
  }

  /// Sends what is in the queues, as far as clients read it in time, then Goodbye.
  private func drain() {
    let deadline = linux_monotonic_ns() + Int64(options.drainTime * 1e9)
    distributeEvents()
    distributeInbox()
    // The queues first, then Goodbye.
    for client in clients.all where client.isGreeted { _ = client.flush(now: linux_monotonic_ns()) }
    var goodbyeSent: Set<UInt64> = []
    while true {
      for client in clients.all {
        let result = client.flush(now: linux_monotonic_ns())
        if result == .broken {
          clients.drop(client)
        } else if result == .done, client.isGreeted, goodbyeSent.insert(client.token).inserted {
          _ = client.send(.with { $0.goodbye = .with { $0.reason = "the bridge stops" } })
          _ = client.flush(now: linux_monotonic_ns())
        }
      }
      let waiting = clients.all.filter { $0.isGreeted && ($0.pendingOutput > 0 || $0.hasQueued) }
      let left = deadline - linux_monotonic_ns()
      guard !waiting.isEmpty, left > 0 else { break }
      var descriptors = waiting.map { pollfd(fd: $0.fileDescriptor, events: Int16(POLLOUT), revents: 0) }
      _ = poll(&descriptors, nfds_t(descriptors.count), Int32(left / 1_000_000 + 1))
    }
    for client in clients.all { clients.drop(client) }
    if !server.listener.isPassed { unlink(options.path) }
  }
}

extension RequestError {
  fileprivate static let passedDescriptors = RequestError(
    .malformed, "client-descriptors-passed",
    "file descriptors came that no request takes; pass one with ShareFrames, with the scope 'camera', and none otherwise"
  )
  fileprivate static let unreadReplies = RequestError(
    .tooSlow, "client-replies-unread", "too many replies wait to be read; read faster or send fewer requests")
  fileprivate static let unreadEvents = RequestError(
    .tooSlow, "client-events-unread", "too many device events wait to be read; read faster")
  fileprivate static let tooManyAwaited = RequestError(
    .tooSlow, "client-requests-waiting", "too many questions wait for their replies; wait for a reply first")
}
