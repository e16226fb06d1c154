public import Diagnostics
import Foundation

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
    var path = name
    if !name.contains("/") {
      guard let folder = environment["CREDENTIALS_DIRECTORY"] else {
        throw SecretError(
          code: "credential-missing",
          "\(purpose) '\(name)' names a credential, but systemd passed none; set LoadCredential in the unit or use a path"
        )
      }
      path = folder + "/" + name
    }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw SecretError(
        code: "secret-unreadable", "the file of \(purpose), \(path), can't be read; check its path and mode")
    }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
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
