import Synchronization

/// Properties of a confined process: what it does, and its limits.
public struct SandboxPlan: Sendable, Equatable {
  /// What to do when the kernel cannot filter system calls: an old kernel, or a container that forbids it.
  public enum Fallback: String, Sendable, CaseIterable {
    /// Run the process with its other limits, and report it.
    case warn
    /// Refuse requests with `sandbox-unconfined`.
    case refuse
  }

  /// Name of the role, by which the program selects its work.
  public var role: String
  /// Bytes of shared memory for requests and for answers. Only what is used of them takes memory.
  public var inputCapacity = 1 << 20
  public var outputCapacity = 1 << 20
  /// Bytes of memory of its own (RLIMIT_DATA).
  public var memory: UInt64 = 512 << 20
  /// Time of a request.
  public var timeLimit = Duration.seconds(5)
  /// Waiting requests at most. Policy: a request to a full queue is refused.
  public var queueLimit = 16
  /// Files and folders that it may read, where the kernel has Landlock.
  public var readable: [String] = []
  /// A folder of its own, for links; nil for none.
  public var folder: String?
  public var fallback = Fallback.warn
  /// Whether it is started again after a failure. One with a state, such as an opened model, is not.
  public var restarts = true

  public init(role: String) { self.role = role }

  /// Bytes of a file that it may write: none, or memory files as large as its memory.
  var fileSize: UInt64 { folder == nil ? 0 : memory }
  var descriptors: UInt64 { folder == nil ? 16 : 256 }

  /// Sizes of the shared memory in whole pages of 64 KiB, the largest that Linux uses.
  var input: Int { Self.pages(inputCapacity) }
  var output: Int { Self.pages(outputCapacity) }

  private static func pages(_ size: Int) -> Int { (max(1, size) + 0xffff) & ~0xffff }
}

/// The counts of one confined process, or of several that do the same work.
public final class SandboxCounter: Sendable {
  private let counts = Mutex(SandboxCounts())

  public init() {}

  public var value: SandboxCounts { counts.withLock { $0 } }

  func change(_ body: (inout SandboxCounts) -> Void) { counts.withLock { body(&$0) } }
}

/// Counts of confined processes.
public struct SandboxCounts: Sendable, Equatable {
  /// Times that the process was started.
  public var starts: UInt64 = 0
  public var requests: UInt64 = 0
  /// Requests that ended by the time limit.
  public var timeouts: UInt64 = 0
  /// Ends of the process that were not asked for.
  public var deaths: UInt64 = 0
  public var invalidAnswers: UInt64 = 0
  /// Requests refused because the queue was full.
  public var refused: UInt64 = 0
  /// Confinement of the process that runs, or ran last; nil before the first start.
  public var confinement: SandboxConfinement?

  public init() {}
}
