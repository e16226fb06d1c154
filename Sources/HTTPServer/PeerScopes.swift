import Admission
public import Sensing

extension HTTPPeer {
  /// Returns the scopes of the client; nil for one that must show a token first.
  ///
  /// A token grants all scopes, those that change state only where it says so. Without tokens the rules of the local
  /// socket hold: the kernel names the user at the other end of a loopback connection.
  ///
  /// - Parameter scopesOfUser: scopes of a user of this machine; of everyone for nil.
  public func scopes(_ scopesOfUser: (_ user: UInt32?) -> Set<Scope>) -> Set<Scope>? {
    switch permission {
    case .unauthenticated: return nil
    case .token(let manages, _): return Set(Scope.allCases).subtracting(manages ? [] : [.manage, .measure])
    case .anybody: return scopesOfUser(principal.user)
    }
  }
}
