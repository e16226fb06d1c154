/// Returns a text in which the user information of URLs is replaced: `http://***@host`. It may hold a password.
///
/// - Parameter isURL: whether the whole text is one value, whose password may then contain spaces; in prose, a space ends
///   the address.
public func maskingUserInformation(_ text: String, isURL: Bool = false) -> String {
  guard text.utf8.contains(UInt8(ascii: "@")) else { return text }
  var result = ""
  var rest = Substring(text)
  while let mark = rest.firstRange(of: "://") {
    result += rest[..<mark.upperBound]
    rest = rest[mark.upperBound...]
    let authority = rest.prefix {
      $0 != "/" && $0 != "?" && $0 != "#" && (isURL || !$0.isWhitespace)
    }
    // The last one: a password may contain it.
    guard let at = authority.lastIndex(of: "@") else { continue }
    result += "***"
    rest = rest[at...]
  }
  return result + rest
}
