import Glibc
import Synchronization

/// A file descriptor that is closed by one thread while others may be using it: the last user closes it, and nobody
/// reaches what the kernel gives the number to next.
final class GuardedDescriptor: Sendable {
  private struct Use {
    var users = 0
    var isClosed = false
  }
  let number: Int32
  private let use = Mutex(Use())

  init(_ number: Int32) { self.number = number }

  /// - Returns: what `body` returned; nil when the descriptor was closed before.
  func using<Result>(_ body: (Int32) -> Result) -> Result? {
    let isOpen = use.withLock { use in
      guard !use.isClosed else { return false }
      use.users += 1
      return true
    }
    guard isOpen else { return nil }
    defer {
      let isLast = use.withLock { use in
        use.users -= 1
        return use.isClosed && use.users == 0
      }
      if isLast { Glibc.close(number) }
    }
    return body(number)
  }

  /// No use begins any more. May be called again.
  func close() {
    let isUnused = use.withLock { use in
      guard !use.isClosed else { return false }
      use.isClosed = true
      return use.users == 0
    }
    if isUnused { Glibc.close(number) }
  }
}
