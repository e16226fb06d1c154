/// The party that a connection counts for: its user, else its machine.
public enum Principal: Sendable, Hashable {
  /// A user of this machine.
  case user(UInt32)
  /// Another machine, by its IPv4 address or the first 64 bits of its IPv6 address: one machine has all addresses of
  /// such a prefix.
  case machine([UInt8])
  /// A program of this machine whose user the kernel did not report. It has the rights of an unknown user.
  case unknown
  /// A person who speaks at a microphone of the bridge.
  case speaker

  /// The user; nil for every other party.
  public var user: UInt32? { if case .user(let number) = self { number } else { nil } }
}
