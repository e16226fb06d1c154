import Glibc
import Synchronization

/// Exclusive use of a folder among processes and among parts of one, until it is released (flock(2)).
///
/// The kernel releases the lock of a process that ends. Other users may hold the lock of a folder that they can read, so
/// a caller waits for a bounded time only.
public final class FolderLock: Sendable {
  private let descriptor: Mutex<Int32>
  /// Whether the lock was obtained in time.
  public let isHeld: Bool

  /// - Parameter patience: the time to wait for another holder.
  public init(_ folder: String, patience: Duration) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    self.descriptor = Mutex(descriptor)
    let end = ContinuousClock.now + patience
    while true {
      if descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
        isHeld = true
        return
      }
      guard descriptor >= 0, errno == EWOULDBLOCK || errno == EINTR, ContinuousClock.now < end else { break }
      usleep(20_000)
    }
    isHeld = false
  }

  public func release() {
    descriptor.withLock { descriptor in
      if descriptor >= 0 { close(descriptor) }
      descriptor = -1
    }
  }

  deinit { release() }
}
