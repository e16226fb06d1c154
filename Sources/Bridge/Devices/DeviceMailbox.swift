import CLinux
import Glibc
import Synchronization

/// Commands from any thread for the device manager's thread.
///
/// Bounded, policy `refuse`: beyond `requestLimit` waiting commands, requests of clients are refused. The bridge's own
/// commands are always taken; each device and worker thread has at most a few of them under way.
final class DeviceMailbox: Sendable {
  typealias Command = @Sendable (DeviceThread) -> Void

  static let requestLimit = 1024
  private let commands = Mutex<[Command]>([])
  private let stopping = Atomic<Bool>(false)
  /// Readable when a command waits.
  let descriptor: Int32

  init() throws(StartError) {
    descriptor = linux_eventfd()
    guard descriptor >= 0 else { throw StartError.noDescriptors("device manager") }
  }

  deinit { Glibc.close(descriptor) }

  var isStopping: Bool { stopping.load(ordering: .sequentiallyConsistent) }

  /// Adds a command of the bridge itself.
  func post(_ command: @escaping Command) {
    commands.withLock { $0.append(command) }
    linux_eventfd_signal(descriptor)
  }

  /// Adds a command that a client requested.
  ///
  /// - Returns: false when too many wait; the command is then not taken.
  func offer(_ command: @escaping Command) -> Bool {
    let isTaken = commands.withLock { commands in
      guard commands.count < Self.requestLimit else { return false }
      commands.append(command)
      return true
    }
    if isTaken { linux_eventfd_signal(descriptor) }
    return isTaken
  }

  /// Removes and returns all waiting commands, oldest first; on the device manager's thread.
  func takeAll() -> [Command] {
    linux_eventfd_drain(descriptor)
    return commands.withLock { commands in
      defer { commands = [] }
      return commands
    }
  }

  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    linux_eventfd_signal(descriptor)
  }
}
