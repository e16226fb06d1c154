import Synchronization

/// Counts the connections of this machine whose user the kernel did not report.
public final class UnidentifiedPeers: Sendable {
  private let number = Atomic<UInt64>(0)

  /// Of all listeners of this process.
  public static let process = UnidentifiedPeers()

  init() {}

  /// Since the start.
  public var count: UInt64 { number.load(ordering: .relaxed) }

  public func add() { number.wrappingAdd(1, ordering: .relaxed) }
}
