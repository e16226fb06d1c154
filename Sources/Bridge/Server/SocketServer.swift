import BridgeProtocol
import CLinux
import Foundation
import Glibc
import Logging
import Sensing
import SwiftProtobuf
import Synchronization

/// Serves clients on a Unix socket: one thread, epoll, bounded memory a client.
///
/// Not on SwiftNIO: NIO can neither pass a descriptor (the pose page) nor tell a peer's credentials, and a
/// hand-over to its event loop costs more than the send itself.
///
/// `@unchecked Sendable`: `clients` belongs to the server's thread; the rest is constant or synchronised.
final class SocketServer: @unchecked Sendable {
  struct Options: Sendable {
    var path: String
    var group: String
    var maximumClients: Int
    /// Seconds in which a new client must say Hello.
    var greetingTimeout = 5.0
    /// Seconds for which a client may leave its output unread.
    var stallTimeout = 10.0
    /// Seconds that clients have to take what is left when the bridge goes down.
    var drainTime = 0.5
  }

  private let options: Options
  private let access: Mutex<AccessRules>
  private let events: EventRing<TrackingEvent>
  private let demand: PoseDemand
  private let handler: RequestHandler
  private let onFirstSubscription: @Sendable () -> Void
  private let log: Logger
  private let listener: Int32
  private let isPassed: Bool
  /// From the read of a report until its pose is on its way to clients.
  let latency = LatencyHistogram()
  private let epoll: Int32
  private let control: Int32
  private let timer: Int32
  private let isStopping = Atomic<Bool>(false)
  private let announcements = Mutex<[Vrbridge_V1_DeviceEvent]>([])
  private let annotations = Mutex<[Vrbridge_V1_Annotation]>([])
  /// Answers that took their time, by the client's token.
  private let late = Mutex<[(token: UInt64, answer: ServerFrame)]>([])
  /// Of one client.
  private static let maximumAwaited = 16
  private var clients: [UInt64: ClientConnection] = [:]
  /// For whoever counts; from any thread.
  let clientCount = Atomic<Int>(0)
  private var nextToken: UInt64 = 16
  private var hadSubscription = false
  private var isTimerArmed = false
  /// Losses of the event ring that clients were told of.
  private var knownLosses: UInt64 = 0

  private static let listenerToken: UInt64 = 1
  private static let eventsToken: UInt64 = 2
  private static let controlToken: UInt64 = 3
  private static let timerToken: UInt64 = 4

  /// Binds the socket; a stale one of a bridge that died is replaced, a live one is an error.
  init(
    options: Options, access: AccessRules, events: EventRing<TrackingEvent>, demand: PoseDemand,
    handler: RequestHandler, onFirstSubscription: @escaping @Sendable () -> Void, log: Logger
  ) throws {
    self.options = options
    self.access = Mutex(access)
    self.events = events
    self.demand = demand
    self.handler = handler
    self.onFirstSubscription = onFirstSubscription
    self.log = log
    let socket = try SocketFile(
      path: options.path, group: options.group, environment: ProcessInfo.processInfo.environment)
    listener = socket.descriptor
    isPassed = socket.isPassed
    epoll = linux_epoll_create()
    control = linux_eventfd()
    timer = linux_timerfd()
    guard epoll >= 0, control >= 0, timer >= 0 else {
      throw StartError("no descriptors are left for the socket server")
    }
    linux_epoll_add(epoll, listener, Self.listenerToken, 0)
    linux_epoll_add(epoll, events.wakeDescriptor, Self.eventsToken, 0)
    linux_epoll_add(epoll, control, Self.controlToken, 0)
    linux_epoll_add(epoll, timer, Self.timerToken, 0)
  }

  deinit {
    for descriptor in [listener, epoll, control, timer] { Glibc.close(descriptor) }
  }

  /// Tells subscribers of a device's arrival, loss or change; from any thread.
  func announce(_ event: Vrbridge_V1_DeviceEvent) {
    announcements.withLock { $0.append(event) }
    linux_eventfd_signal(control)
  }

  /// Tells subscribers of annotations; from any thread.
  func publish(_ new: [Annotation]) {
    let messages = new.map { Vrbridge_V1_Annotation($0) }
    annotations.withLock { waiting in
      // The server takes them within milliseconds; more than this means that it hangs.
      if waiting.count < 4096 { waiting += messages }
    }
    linux_eventfd_signal(control)
  }

  /// New rules hold for new connections; from any thread.
  func update(access rules: AccessRules) { access.withLock { $0 = rules } }

  /// What somebody may do; from any thread.
  func scopes(user: UInt32, group: UInt32) -> Set<Scope> {
    access.withLock { $0.scopes(user: user, group: group) }
  }

  /// From any thread: `run` gives clients what is left, says goodbye and returns.
  func stop() {
    isStopping.store(true, ordering: .sequentiallyConsistent)
    linux_eventfd_signal(control)
  }

  func run() {
    linux_name_thread("socket")
    // The tracking thread wakes this one, and goes on first.
    _ = linux_patient_thread()
    let capacity = 64
    var tokens = [UInt64](repeating: 0, count: capacity)
    var conditions = [UInt32](repeating: 0, count: capacity)
    while !isStopping.load(ordering: .sequentiallyConsistent) {
      let timeout: Int32 = events.prepareToWait() ? -1 : 0
      let count = Int(linux_epoll_wait(epoll, &tokens, &conditions, Int32(capacity), timeout))
      for index in 0..<max(0, count) { handle(tokens[index], conditions[index]) }
      distribute()
      distributeAnnotations()
      announceAll()
      answerLate()
      flushAll()
    }
    drain()
  }

  private func handle(_ token: UInt64, _ condition: UInt32) {
    switch token {
    case Self.listenerToken: acceptAll()
    case Self.eventsToken: linux_eventfd_drain(events.wakeDescriptor)
    case Self.controlToken: linux_eventfd_drain(control)
    case Self.timerToken: sweep()
    default:
      guard let client = clients[token] else { return }
      if condition & UInt32(LINUX_READABLE) != 0 {
        receive(client)
      } else if condition & UInt32(LINUX_HANGUP) != 0 {
        drop(client, because: nil)
      }
    }
  }

  // MARK: clients

  private func acceptAll() {
    while true {
      let descriptor = linux_accept(listener)
      if descriptor == -EMFILE || descriptor == -ENFILE {
        log.warning("no descriptors are left: a client was not accepted")
        return
      }
      guard descriptor >= 0 else { return }
      var process: UInt32 = 0
      var user: UInt32 = 0
      var group: UInt32 = 0
      guard linux_peer_credentials(descriptor, &process, &user, &group) == 0 else {
        Glibc.close(descriptor)
        continue
      }
      let scopes = scopes(user: user, group: group)
      let token = nextToken
      nextToken += 1
      let client = ClientConnection(
        fileDescriptor: descriptor, token: token, user: user, process: process, scopes: scopes,
        now: linux_monotonic_ns())
      guard clients.count < options.maximumClients else {
        refuse(client, .tooManyClients, "the bridge serves \(options.maximumClients) clients at most")
        continue
      }
      guard !scopes.isEmpty else {
        refuse(client, .forbidden, "user \(user) may do nothing here; see 'access' in the configuration")
        continue
      }
      clients[token] = client
      clientCount.store(clients.count, ordering: .relaxed)
      linux_epoll_add(epoll, descriptor, token, 0)
      armTimer()
    }
  }

  /// Says why, as far as the socket takes it at once, and closes.
  private func refuse(_ client: ClientConnection, _ code: Vrbridge_V1_ErrorCode, _ message: String) {
    _ = client.send(error(code, message, fatal: true))
    _ = client.flush(now: linux_monotonic_ns())
    Glibc.close(client.fileDescriptor)
  }

  private func drop(_ client: ClientConnection, because reason: String?) {
    guard clients.removeValue(forKey: client.token) != nil else { return }
    clientCount.store(clients.count, ordering: .relaxed)
    linux_epoll_remove(epoll, client.fileDescriptor)
    Glibc.close(client.fileDescriptor)
    updateDemand()
    if let reason {
      log.notice(
        "client dropped",
        metadata: ["client": "\(client.name)", "pid": "\(client.process)", "reason": "\(reason)"])
    }
  }

  private func fail(
    _ client: ClientConnection, _ code: Vrbridge_V1_ErrorCode, _ message: String, replyTo: UInt64 = 0
  ) {
    var frame = error(code, message, fatal: true)
    frame.replyTo = replyTo
    _ = client.send(frame)
    _ = client.flush(now: linux_monotonic_ns())
    // With unread bytes in the socket, closing would reset the connection and lose the error.
    shutdown(client.fileDescriptor, Int32(SHUT_WR))
    discardInput(client)
    drop(client, because: message)
  }

  private func discardInput(_ client: ClientConnection) {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    for _ in 0..<16 where recv(client.fileDescriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT)) <= 0 {
      return
    }
  }

  private func error(_ code: Vrbridge_V1_ErrorCode, _ message: String, fatal: Bool) -> ServerFrame {
    .with {
      $0.error = .with {
        $0.code = code
        $0.message = message
        $0.fatal = fatal
      }
    }
  }

  private func receive(_ client: ClientConnection) {
    // One read a turn: a client that floods waits for the others.
    var passed: Int32 = -1
    let count = withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) { buffer -> Int in
      let count = linux_receive(client.fileDescriptor, buffer.baseAddress, buffer.count, &passed)
      if count > 0 { client.reader.append(UnsafeRawBufferPointer(rebasing: buffer[0..<count])) }
      return count
    }
    // Clients have no descriptor to give us.
    if passed >= 0 { Glibc.close(passed) }
    if count == -Int(EAGAIN) { return }
    guard count > 0 else { return drop(client, because: nil) }
    while clients[client.token] != nil {
      let body: ArraySlice<UInt8>?
      do { body = try client.reader.next() } catch {
        return fail(client, .tooLarge, "a request is longer than \(Framing.maximumRequestLength) bytes")
      }
      guard let body else { return }
      let frame: ClientFrame
      do { frame = try ClientFrame(serializedBytes: Array(body)) } catch {
        return fail(client, .malformed, "the bytes are not a ClientFrame")
      }
      handle(frame, from: client)
    }
  }

  /// Runs now and then: half-open clients and those that never read.
  private func sweep() {
    var expirations: UInt64 = 0
    _ = read(timer, &expirations, 8)
    isTimerArmed = false
    let now = linux_monotonic_ns()
    for client in Array(clients.values) {
      if !client.isGreeted, Double(now - client.connectedAt) * 1e-9 > options.greetingTimeout {
        fail(client, .timeout, "no Hello within \(options.greetingTimeout) s")
      } else if let since = client.stalledSince, Double(now - since) * 1e-9 > options.stallTimeout {
        fail(client, .tooSlow, "output was not read for \(options.stallTimeout) s")
      }
    }
    armTimer()
  }

  /// The timer runs only while there is somebody to watch.
  private func armTimer() {
    // Not set anew while it runs: a flood of connections must not put the sweep off for ever.
    guard !isTimerArmed, clients.values.contains(where: { !$0.isGreeted || $0.stalledSince != nil }) else {
      return
    }
    isTimerArmed = true
    linux_timerfd_set(timer, 500_000_000, 0)
  }

  // MARK: requests

  private func handle(_ frame: ClientFrame, from client: ClientConnection) {
    switch handler.answer(frame, client) {
    case .refusal(let code, let message):
      fail(client, code, message, replyTo: frame.requestID)
    case .reply(let answer, let descriptor):
      // A client that asks on and on without reading has its answers waiting; its limit is the end of patience.
      guard client.send(answer, passing: descriptor) else {
        return fail(client, .tooSlow, "too many answers wait to be read")
      }
      updateDemand()
    case .later(let work):
      guard client.awaited < Self.maximumAwaited else {
        return fail(client, .tooSlow, "too many questions wait for their answers", replyTo: frame.requestID)
      }
      client.awaited += 1
      let token = client.token
      Task { [self] in
        let answer = await work()
        late.withLock { $0.append((token, answer)) }
        linux_eventfd_signal(control)
      }
    }
  }

  /// Gives answers that took their time to those who still wait for them.
  private func answerLate() {
    let ready = late.withLock { list in
      defer { list = [] }
      return list
    }
    for (token, answer) in ready {
      guard let client = clients[token] else { continue }
      client.awaited -= 1
      if !client.send(answer) { fail(client, .tooSlow, "too many answers wait to be read") }
    }
  }

  private func updateDemand() {
    let poses = Vrbridge_V1_Stream.poses.rawValue
    demand.set(clients.values.reduce(0) { $0 + $1.subscriptions.count { $0.streams.contains(poses) } })
    if !hadSubscription, clients.values.contains(where: { !$0.subscriptions.isEmpty }) {
      hadSubscription = true
      onFirstSubscription()
    }
  }

  // MARK: events

  private func distribute() {
    let poses = Vrbridge_V1_Stream.poses.rawValue
    let controls = Vrbridge_V1_Stream.controls.rawValue
    // What the ring could not take is missing from every queue of poses.
    let lost = events.dropped
    if lost > knownLosses {
      for client in clients.values {
        for index in client.subscriptions.indices where client.subscriptions[index].streams.contains(poses) {
          client.subscriptions[index].droppedPoses += lost - knownLosses
        }
      }
      knownLosses = lost
    }
    var budget = 4096
    while budget > 0, let event = events.pop() {
      budget -= 1
      switch event.kind {
      case .pose:
        latency.record(nanoseconds: linux_monotonic_ns() - event.state.received)
        for client in clients.values {
          for index in client.subscriptions.indices
          where client.subscriptions[index].streams.contains(poses)
            && client.subscriptions[index].wants(event)
          {
            client.subscriptions[index].enqueue(pose: event)
          }
        }
      case .control:
        onControl?(event)
        for client in clients.values {
          for index in client.subscriptions.indices
          where client.subscriptions[index].streams.contains(controls)
            && client.subscriptions[index].wants(event)
          {
            client.subscriptions[index].enqueue(control: event)
          }
        }
      case .battery, .degraded, .recovered, .streaming, .wrongMode, .linkUp, .linkDown, .ended:
        onDeviceEvent?(event)
      }
    }
  }

  /// Controls, for who waits for a button; set before `run`.
  var onControl: (@Sendable (TrackingEvent) -> Void)?

  /// Battery, health, modes and links; set before `run`.
  var onDeviceEvent: (@Sendable (TrackingEvent) -> Void)?

  private func announceAll() {
    let waiting = announcements.withLock { list in
      defer { list = [] }
      return list
    }
    let devices = Vrbridge_V1_Stream.devices.rawValue
    for event in waiting {
      let frame = ServerFrame.with { $0.deviceEvent = event }
      for client in Array(clients.values)
      where client.subscriptions.contains(where: { $0.streams.contains(devices) }) {
        if !client.send(frame) { fail(client, .tooSlow, "too many events wait to be read") }
      }
    }
  }

  private func distributeAnnotations() {
    let waiting = annotations.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
    guard !waiting.isEmpty else { return }
    let (seen, heard) = (Vrbridge_V1_Stream.annotations.rawValue, Vrbridge_V1_Stream.speech.rawValue)
    for annotation in waiting {
      // What is heard is for those who may listen.
      let isSpeech =
        Annotation.Kind(rawValue: UInt8(clamping: annotation.kind.rawValue - 1))?.isSpeech == true
      // That somebody listens is for all who see or hear anything.
      let streams = annotation.kind == .listening ? [seen, heard] : [isSpeech ? heard : seen]
      for client in clients.values {
        for index in client.subscriptions.indices
        where !client.subscriptions[index].streams.isDisjoint(with: streams) {
          client.subscriptions[index].enqueue(annotation)
        }
      }
    }
  }

  private func flushAll() {
    let now = linux_monotonic_ns()
    for client in Array(clients.values) where client.pendingOutput > 0 || client.hasQueued {
      flush(client, now)
    }
  }

  private func flush(_ client: ClientConnection, _ now: Int64) {
    switch client.flush(now: now) {
    case .done: setWritable(client, false)
    case .blocked:
      setWritable(client, true)
      armTimer()
    case .broken: drop(client, because: nil)
    }
  }

  private func setWritable(_ client: ClientConnection, _ wanted: Bool) {
    guard client.wantsWritable != wanted else { return }
    client.wantsWritable = wanted
    linux_epoll_change(epoll, client.fileDescriptor, client.token, wanted ? 1 : 0)
  }

  /// What is in the queues goes out, as far as clients read it in time.
  private func drain() {
    let deadline = linux_monotonic_ns() + Int64(options.drainTime * 1e9)
    distribute()
    announceAll()
    for client in clients.values where client.isGreeted {
      // The queues first, then the last word.
      _ = client.flush(now: linux_monotonic_ns())
    }
    var goodbyeSent: Set<UInt64> = []
    while true {
      for client in Array(clients.values) {
        let result = client.flush(now: linux_monotonic_ns())
        if result == .broken {
          drop(client, because: nil)
        } else if result == .done, client.isGreeted, goodbyeSent.insert(client.token).inserted {
          _ = client.send(.with { $0.goodbye = .with { $0.reason = "the bridge goes down" } })
          _ = client.flush(now: linux_monotonic_ns())
        }
      }
      let waiting = clients.values.filter { $0.isGreeted && ($0.pendingOutput > 0 || $0.hasQueued) }
      let left = deadline - linux_monotonic_ns()
      guard !waiting.isEmpty, left > 0 else { break }
      var descriptors = waiting.map { pollfd(fd: $0.fileDescriptor, events: Int16(POLLOUT), revents: 0) }
      _ = poll(&descriptors, nfds_t(descriptors.count), Int32(left / 1_000_000 + 1))
    }
    for client in Array(clients.values) { drop(client, because: nil) }
    if !isPassed { unlink(options.path) }
  }
}
