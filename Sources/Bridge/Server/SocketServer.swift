import BridgeProtocol
import CLinux
import Diagnostics
import Foundation
import Glibc
import Logging
import Sensing
import Synchronization
import TrackingPipeline

/// Serves clients on a Unix socket: one thread, epoll, bounded memory per client.
///
/// SwiftNIO is not used: it cannot pass a descriptor (the pose page), and a hand-over to its event loop costs more than
/// the send itself.
///
/// This type is used from any thread; connections belong to `ServerThread`, which exists only in `run`.
final class SocketServer: Sendable {
  struct Options: Sendable {
    var path: String
    var group: String
    var maximumClients: Int
    /// Seconds in which a new client must send Hello.
    var greetingTimeout = 5.0
    /// Seconds in which a frame must come whole.
    var frameTimeout = 5.0
    /// Seconds for which a client may leave its output unread.
    var stallTimeout = 10.0
    /// Seconds in which clients can read what is left when the bridge stops.
    var drainTime = 0.5
  }

  /// What the server reads from and reports to.
  struct Dependencies: Sendable {
    /// Poses, controls and device events of the tracking loop.
    var events: EventRing<TrackingEvent>
    var inbox: ServerInbox
    /// Set to the number of pose subscriptions.
    var demand: PoseSubscriberCount
    var handler: RequestHandler
    /// Called with each control event, before clients get it.
    var onControl: @Sendable (TrackingEvent) -> Void
    /// Called with battery, health, mode and link events.
    var onDeviceEvent: @Sendable (TrackingEvent) -> Void
    var onFirstSubscription: @Sendable () -> Void
    var log: Logger
  }

  let options: Options
  let dependencies: Dependencies
  let listener: SocketFile
  /// Time from reading a report until its pose is on its way to clients.
  let latency = LatencyHistogram()
  /// Connected clients.
  let clientCount = Atomic<Int>(0)
  private let access: ScopeLookup
  /// Time slice of the socket thread, ns: shorter than the kernel's default, so that it need not wait for the end of
  /// another program's slice, and longer than the tracking thread's, which it must not preempt.
  private static let slice: Int64 = 400_000
  private let stopping = Atomic<Bool>(false)

  /// Binds the socket. A stale one of a bridge that died is replaced; a live one is an error.
  init(_ options: Options, access: AccessRules, _ dependencies: Dependencies) throws(StartError) {
    self.options = options
    self.access = ScopeLookup(access)
    self.dependencies = dependencies
    listener = try SocketFile(
      path: options.path, group: options.group, environment: ProcessInfo.processInfo.environment)
  }

  deinit { Glibc.close(listener.descriptor) }

  /// Replaces the access rules, for new connections.
  func update(access rules: AccessRules) { access.update(rules) }

  /// Returns the scopes of a peer with these credentials.
  func scopes(user: UInt32, group: UInt32) -> Set<Scope> { access.scopes(user: user, group: group) }

  var isStopping: Bool { stopping.load(ordering: .sequentiallyConsistent) }

  /// Makes `run` send what is left, say goodbye to clients and return.
  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    dependencies.inbox.wake()
  }

  /// The thread's body; returns after `stop`.
  func run() {
    linux_name_thread("socket")
    _ = linux_short_slice_thread(Self.slice, 0)
    do {
      let thread = try ServerThread(self)
      thread.run()
    } catch { dependencies.log.critical("\(error.printed)") }
  }
}
