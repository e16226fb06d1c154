/// Why a file can't hold a secret: other users can read or change it.
public enum SecretAccess: Sendable, Equatable {
  /// The mode permits others to read or write it.
  case exposed
  /// It belongs to another user, who can change it.
  case foreign

  /// Judges a file by the result of stat(2); nil for one that its owner alone can use.
  ///
  /// A service reads a file of root through its group: root made it, and nobody else changes it.
  ///
  /// - Parameter reader: the effective user of this process.
  public init?(mode: UInt32, owner: UInt32, reader: UInt32) {
    let isOfRoot = owner == 0 && reader != 0
    if mode & (isOfRoot ? 0o027 : 0o067) != 0 {
      self = .exposed
    } else if owner != reader, owner != 0 {
      self = .foreign
    } else {
      return nil
    }
  }
}
