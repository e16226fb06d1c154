import Bridge
import ModelService

extension LiveSource {
  /// What somebody may see and do who came over HTTP or a WebSocket; nil for one who must show a token first.
  func scopes(of peer: HTTPPeer) -> Set<Scope>? {
    switch peer.permission {
    case .stranger: return nil
    case .token(let manages): return Set(Scope.allCases).subtracting(manages ? [] : [.manage, .measure])
    case .anybody:
      guard let remote = peer.remote, let local = peer.local else { return scopes(ofUser: nil) }
      return scopes(ofUser: LocalPeer.user(remote: remote, local: local))
    }
  }
}
