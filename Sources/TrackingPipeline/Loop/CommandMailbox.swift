import Glibc
import Synchronization

/// Rare changes for the tracking thread, such as attaching a device or starting a recording.
///
/// Policy: `lossless` with back-pressure. At most `capacity` commands wait; a thread that posts more waits until the
/// tracking thread has taken them. The tracking thread takes the lock only while commands wait.
final class CommandMailbox<Command: Sendable>: Sendable {
  private struct State {
    var commands: [Command] = []
    var isClosed = false
  }
  private let state = Mutex(State())
  private let hasCommands = Atomic<Bool>(false)
  let capacity: Int

  private static var retryPeriod: UInt32 { 1_000 }  // µs

  init(capacity: Int) { self.capacity = capacity }

  /// Adds a command; waits while the mailbox is full.
  ///
  /// - Parameter mayWait: false on the tracking thread, which would wait for itself: its own few commands are exempt
  ///   from the bound.
  /// - Returns: false after `close`, when no command runs any more.
  func post(_ command: Command, mayWait: Bool) -> Bool {
    while true {
      let outcome = add(command, isExempt: !mayWait)
      guard outcome == .isFull else { return outcome == .added }
      usleep(Self.retryPeriod)
    }
  }

  /// Adds a command if there is room.
  func offer(_ command: Command) -> Bool { add(command, isExempt: false) == .added }

  private enum Outcome { case added, isFull, isClosed }

  private func add(_ command: Command, isExempt: Bool) -> Outcome {
    state.withLock { state in
      guard !state.isClosed else { return .isClosed }
      guard isExempt || state.commands.count < capacity else { return .isFull }
      state.commands.append(command)
      hasCommands.store(true, ordering: .releasing)
      return .added
    }
  }

  /// Takes all commands, in order. Takes no lock when none waits.
  func takeAll() -> [Command] {
    guard hasCommands.load(ordering: .acquiring) else { return [] }
    return state.withLock { state in
      hasCommands.store(false, ordering: .relaxed)
      defer { state.commands = [] }
      return state.commands
    }
  }

  /// Ends the mailbox.
  ///
  /// - Returns: the commands that wait.
  func close() -> [Command] {
    state.withLock { $0.isClosed = true }
    return takeAll()
  }
}
