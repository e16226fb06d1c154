public import Admission
import Glibc
public import Sensing

/// The access rules of a listener: the scopes of users, and the policy that decides on their actions.
public struct ClientAccess: Sendable {
  public var policy: AccessPolicy
  private let scopesOfUser: @Sendable (_ user: UInt32?) -> Set<Scope>

  /// - Parameter scopesOfUser: returns the scopes of a user of this machine, for nil those of every user. It may read
  ///   the system's tables of users, and is called once for each connection, on no event loop.
  public init(
    policy: AccessPolicy = AccessPolicy(),
    scopesOfUser: @escaping @Sendable (_ user: UInt32?) -> Set<Scope>
  ) {
    self.policy = policy
    self.scopesOfUser = scopesOfUser
  }

  /// Access for root and the user of the process alone.
  public static let owners = ClientAccess { $0 == 0 || $0 == geteuid() ? Set(Scope.allCases) : [] }

  /// Returns the rights of a party that shows no token.
  ///
  /// - Parameter machines: scopes of another machine: none, unless the configuration opens the listener to all.
  public func rights(of principal: Principal, machines: Set<Scope> = []) -> Rights {
    let scopes: Set<Scope> =
      switch principal {
      case .user(let number): scopesOfUser(number)
      case .unknown: scopesOfUser(nil)
      case .machine: machines
      case .speaker: []
      }
    return Rights(principal, scopes: scopes)
  }
}
