import Foundation

/// Origins of web pages that may use a service: `https://app.foxglove.dev`, `http://localhost:*` for any port, `file://`
/// for pages of files and desktop programs, `null` for pages without an origin (sandboxed frames, files in some browsers).
public struct OriginPattern: Sendable, Hashable {
  private enum Port: Sendable, Hashable {
    case any
    /// nil for the standard port of the scheme.
    case one(Int?)
  }
  private enum Kind: Sendable, Hashable {
    case null
    case file
    case site(scheme: String, host: String, Port)
  }
  private let kind: Kind

  /// What is accepted, for an error.
  public static let allowed = "https://HOST, http://HOST:PORT, http://HOST:*, file://, null"

  /// Parses a pattern; nil for other text, which no origin would equal.
  public init?(_ text: String) {
    let text = text.lowercased()
    switch text {
    case "null": kind = .null
    case "file://": kind = .file
    default:
      guard let site = Self.site(text, admitsAny: true) else { return nil }
      kind = site
    }
  }

  /// Whether the value of the header `Origin` matches.
  public func matches(_ origin: String) -> Bool {
    let origin = origin.lowercased()
    switch kind {
    case .null: return origin == "null"
    // Some programs send the path of the page too.
    case .file: return origin.hasPrefix("file://")
    case .site(let scheme, let host, .any):
      guard case .site(let itsScheme, let itsHost, _)? = Self.site(origin, admitsAny: false) else {
        return false
      }
      return itsScheme == scheme && itsHost == host
    case .site: return Self.site(origin, admitsAny: false) == kind
    }
  }

  private static func site(_ text: String, admitsAny: Bool) -> Kind? {
    guard let separator = text.range(of: "://") else { return nil }
    let scheme = String(text[..<separator.lowerBound])
    let authority = text[separator.upperBound...]
    guard !scheme.isEmpty, scheme.allSatisfy({ $0.isLetter || $0.isNumber || "+-.".contains($0) }),
      !authority.isEmpty, !authority.contains(where: { "/?#@ ".contains($0) })
    else { return nil }
    // The colon behind the brackets of an IPv6 address, else the only one.
    let afterHost = authority.lastIndex(of: "]").map { authority.index(after: $0) } ?? authority.startIndex
    guard let colon = authority[afterHost...].firstIndex(of: ":") else {
      return named(scheme, authority, .one(nil))
    }
    let port = authority[authority.index(after: colon)...]
    if port == "*" { return admitsAny ? named(scheme, authority[..<colon], .any) : nil }
    guard let number = UInt16(port) else { return nil }
    let isStandard = (scheme, number) == ("http", 80) || (scheme, number) == ("https", 443)
    return named(scheme, authority[..<colon], .one(isStandard ? nil : Int(number)))
  }

  private static func named(_ scheme: String, _ host: Substring, _ port: Port) -> Kind? {
    host.isEmpty || host.contains("*") ? nil : .site(scheme: scheme, host: String(host), port)
  }
}
