public import Diagnostics
import Foundation
import Glibc

/// Reads secrets, which have files of their own or come from systemd as credentials.
public enum SecretFile {
  /// Returns the secret without the white space around it.
  ///
  /// - Parameters:
  ///   - name: a path, or the name of a systemd credential, which holds no slash.
  ///   - environment: the process's, for `CREDENTIALS_DIRECTORY`.
  ///   - purpose: the secret's name in the error: "the token".
  public static func read(
    _ name: String, environment: [String: String], purpose: String
  ) throws(SecretError) -> String {
    let isCredential = !name.contains("/")
    var path = name
    if isCredential {
      guard let folder = environment["CREDENTIALS_DIRECTORY"] else {
        throw SecretError(
          code: "credential-missing",
          "\(purpose) '\(name)' names a credential, but systemd passed none; set LoadCredential in the unit or use a path"
        )
      }
      path = folder + "/" + name
    }
    guard let file = FileHandle(forReadingAtPath: path) else { throw unreadable(path, purpose) }
    // systemd guards credentials by their folder; an access control list shows in their mode as that of a group.
    if !isCredential { try check(file.fileDescriptor, path, purpose) }
    guard let data = try? file.read(upToCount: largest + 1), data.count <= largest,
      let text = String(data: data, encoding: .utf8)
    else { throw unreadable(path, purpose) }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Refuses a secret that other users can read or write. The group may read a file of root, for a service.
  ///
  /// - Parameter purpose: the secret's name in the error: "the TLS key".
  public static func check(_ path: String, purpose: String) throws(SecretError) {
    guard let file = FileHandle(forReadingAtPath: path) else { throw unreadable(path, purpose) }
    try check(file.fileDescriptor, path, purpose)
  }

  /// Bytes; a token or a key is shorter.
  private static let largest = 1 << 20

  private static func check(
    _ descriptor: Int32, _ path: String, _ purpose: String
  ) throws(SecretError) {
    var info = stat()
    guard fstat(descriptor, &info) == 0 else { throw unreadable(path, purpose) }
    // A pipe (process substitution) has no mode that says anything.
    guard info.st_mode & S_IFMT == S_IFREG else { return }
    if let problem = problem(path, purpose, mode: info.st_mode, owner: info.st_uid, reader: geteuid()) {
      throw problem
    }
  }

  /// Returns the error for a file that is not secret; nil for one that is.
  ///
  /// - Parameter reader: the effective user of this process.
  static func problem(
    _ path: String, _ purpose: String, mode: mode_t, owner: uid_t, reader: uid_t
  ) -> SecretError? {
    switch SecretAccess(mode: mode, owner: owner, reader: reader) {
    case nil: return nil
    case .exposed:
      // Only root can change the mode of its file, and this user could not read it with the mode 0600.
      let remedy =
        owner == 0 && reader != 0
        ? "pass it as a systemd credential (LoadCredential=), or run: sudo chmod u=rw,g=r,o= '\(path)'"
        : "run: chmod 600 '\(path)'"
      return SecretError(
        code: "secret-exposed",
        "the file of \(purpose), \(path), can be read or written by other users; \(remedy), and replace the secret if others may have read it"
      )
    case .foreign:
      return SecretError(
        code: "secret-foreign",
        "the file of \(purpose), \(path), belongs to user \(owner), who can change it; give it to the bridge's user with chown"
      )
    }
  }

  private static func unreadable(_ path: String, _ purpose: String) -> SecretError {
    SecretError(
      code: "secret-unreadable",
      "the file of \(purpose), \(path), can't be read: \(readingProblem(path)); check its path and mode")
  }
}

/// A secret that cannot be used.
public struct SecretError: CodedError {
  public let code: String
  public let description: String

  public init(code: String, _ description: String) {
    self.code = code
    self.description = description
  }
}
