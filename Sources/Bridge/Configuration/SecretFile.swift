import Foundation

/// Secrets stand in files of their own, or come from systemd as credentials.
public enum SecretFile {
  /// - Parameters:
  ///   - place: a path, or a credential's name.
  ///   - purpose: for the error: "the token".
  public static func read(
    _ place: String, environment: [String: String], purpose: String
  ) throws(StartError) -> String {
    var path = place
    if !place.contains("/") {
      guard let folder = environment["CREDENTIALS_DIRECTORY"] else {
        throw StartError("\(purpose) '\(place)' names a credential, and systemd gave none; use a path")
      }
      path = folder + "/" + place
    }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw StartError("the file of \(purpose), \(path), can't be read")
    }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
