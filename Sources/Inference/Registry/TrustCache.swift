import Diagnostics
import Synchronization

/// The keys and the revocation list of each store, as they were last read.
///
/// A check of a model's trust needs both, and a running bridge checks each model once a second; reading them takes two keys
/// and a verified signature. They are read again when a file changes.
final class TrustCache: Sendable {
  struct Contents: Sendable {
    var publicKeys: Set<String>
    var revocations: Result<RevocationList, RegistryError>
  }

  static let process = TrustCache()

  /// Stores beyond this number displace all others; a process has one.
  private static let maximumStores = 16

  private let entries = Mutex<[String: (stamp: String, contents: Contents)]>([:])
  private let settlingTime: Double

  /// - Parameter settlingTime: s for which a changed file is read at each check, because a second change could have the
  ///   time of the first one in the file system.
  init(settlingTime: Double = 2) { self.settlingTime = settlingTime }

  func contents(
    of store: SigningKeyStore, read: (SigningKeyStore) -> Contents = { $0.readContents() }
  ) -> Contents {
    let state = FileStamp(store.files)
    if let known = entries.withLock({ $0[store.file] }), known.stamp == state.text { return known.contents }
    let contents = read(store)
    // A change while the files were read is seen by the next check.
    if state.isSettled(for: settlingTime), FileStamp(store.files).text == state.text {
      entries.withLock { entries in
        if entries.count >= Self.maximumStores { entries = [:] }
        entries[store.file] = (state.text, contents)
      }
    }
    return contents
  }
}
