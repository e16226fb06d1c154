import Glibc
import Synchronization

/// Bounds the connections of all listeners of the process together, so that descriptors are left for devices, files and
/// the libraries: some of these end the process when they get none.
public final class ConnectionBudget: Sendable {
  private let count = Mutex(0)
  public let capacity: Int

  /// The budget of this process: a quarter of its descriptors, as many as the soft limit permits at the first use.
  public static let process = ConnectionBudget(capacity: max(16, descriptorLimit / 4))

  init(capacity: Int) { self.capacity = capacity }

  private static var descriptorLimit: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    return Int(clamping: limit.rlim_cur)
  }

  /// Takes a connection.
  ///
  /// - Parameter isOwner: owners may use the last eighth, too.
  /// - Returns: false when none is left.
  func take(isOwner: Bool) -> Bool {
    count.withLock { count in
      guard count < (isOwner ? capacity : capacity - capacity / 8) else { return false }
      count += 1
      return true
    }
  }

  func giveBack() { count.withLock { $0 -= 1 } }
}
