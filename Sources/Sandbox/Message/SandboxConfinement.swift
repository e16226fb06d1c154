import CLinux

/// What the kernel enforces on a confined process beside limits of memory, files and privileges.
public struct SandboxConfinement: Sendable, Equatable, CustomStringConvertible {
  /// System calls are filtered (seccomp).
  public var filtersCalls: Bool
  /// Version of Landlock, which restricts files; 0 without it.
  public var landlock: Int

  public init(filtersCalls: Bool, landlock: Int) {
    self.filtersCalls = filtersCalls
    self.landlock = landlock
  }

  /// What this kernel offers to this process.
  public static var available: SandboxConfinement {
    SandboxConfinement(filtersCalls: linux_has_seccomp() != 0, landlock: Int(linux_landlock_version()))
  }

  public var description: String {
    (filtersCalls ? "system calls are filtered" : "system calls are NOT filtered")
      + (landlock > 0 ? ", files are restricted (Landlock \(landlock))" : ", no Landlock")
  }

  var bytes: [UInt8] { [filtersCalls ? 1 : 0, UInt8(clamping: landlock)] }

  init?(bytes: [UInt8]) {
    guard bytes.count == 2 else { return nil }
    self.init(filtersCalls: bytes[0] == 1, landlock: Int(bytes[1]))
  }
}
