import BridgeProtocol
import CLinux
import Glibc
import Sensing
import Synchronization

/// What other threads hand to the socket server: device events, annotations and late replies.
///
/// Bounded, policy `dropNewest` with a count. The server takes everything within milliseconds, so that a full queue
/// means that it hangs. Late replies need no limit of their own: a client awaits at most a few.
final class ServerInbox: Sendable {
  struct Contents {
    var events: [DeviceEvent] = []
    var annotations: [Annotation] = []
    /// Replies by the token of the client that awaits them.
    var replies: [(token: UInt64, reply: ServerFrame)] = []
  }

  /// Of events, and of annotations.
  private static let limit = 4096
  private let contents = Mutex(Contents())
  private let droppedCount = Atomic<UInt64>(0)
  /// Readable when something waits.
  let descriptor: Int32

  init() throws(StartError) {
    descriptor = linux_eventfd()
    guard descriptor >= 0 else { throw .noDescriptors("socket server") }
  }

  deinit { Glibc.close(descriptor) }

  /// Events and annotations dropped because the queue was full.
  var dropped: UInt64 { droppedCount.load(ordering: .relaxed) }

  func announce(_ event: DeviceEvent) {
    let isFull = contents.withLock { contents in
      guard contents.events.count < Self.limit else { return true }
      contents.events.append(event)
      return false
    }
    if isFull { droppedCount.add(1, ordering: .relaxed) }
    wake()
  }

  func publish(_ annotations: [Annotation]) {
    let isFull = contents.withLock { contents in
      guard contents.annotations.count < Self.limit else { return true }
      contents.annotations += annotations
      return false
    }
    if isFull { droppedCount.add(UInt64(annotations.count), ordering: .relaxed) }
    wake()
  }

  func reply(_ reply: ServerFrame, to token: UInt64) {
    contents.withLock { $0.replies.append((token, reply)) }
    wake()
  }

  /// Makes the server's wait return.
  func wake() { linux_eventfd_signal(descriptor) }

  /// Removes and returns everything; on the server's thread.
  func takeAll() -> Contents {
    contents.withLock { contents in
      defer { contents = Contents() }
      return contents
    }
  }
}
