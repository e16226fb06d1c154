import Foundation
public import HTTPTypes
public import Hummingbird

/// A method and a path template, as OpenAPI writes it: `/v2/models/{model}/infer`.
///
/// A segment is literal text, or a parameter in braces, or a parameter with literal text behind it (`{model}:predict`).
public struct HTTPRoute: Sendable, Hashable {
  public var method: HTTPRequest.Method
  public var template: String

  public init(_ method: HTTPRequest.Method, _ template: String) {
    self.method = method
    self.template = template
  }
}

/// Routes with the action of each. Of several routes that fit a path the first is taken.
public struct RouteTable<Action: Sendable>: Sendable {
  public enum Match {
    /// - Parameter parameters: values of the template's parameters, in its order, percent-decoded.
    case action(Action, parameters: [String])
    /// The path is served with other methods.
    case wrongMethod(allowed: HTTPRequest.Method)
    case none
  }

  private enum Segment: Sendable {
    case literal(String)
    case parameter(suffix: String)
  }
  private struct Row: Sendable {
    var method: HTTPRequest.Method
    var segments: [Segment]
    var action: Action
  }

  public let routes: [HTTPRoute]
  private let rows: [Row]

  public init(_ list: [(route: HTTPRoute, action: Action)]) {
    routes = list.map(\.route)
    rows = list.map { route, action in
      let segments = route.template.split(separator: "/").map { text -> Segment in
        guard text.hasPrefix("{"), let end = text.firstIndex(of: "}") else { return .literal(String(text)) }
        return .parameter(suffix: String(text[text.index(after: end)...]))
      }
      return Row(method: route.method, segments: segments, action: action)
    }
  }

  /// Finds the route of a request. A route for GET serves HEAD too.
  public func match(_ method: HTTPRequest.Method, _ path: String) -> Match {
    let given = path.split(separator: "/")
    var allowed: HTTPRequest.Method?
    for row in rows where row.segments.count == given.count {
      guard let parameters = Self.parameters(row.segments, given) else { continue }
      if row.method == method || (row.method == .get && method == .head) {
        return .action(row.action, parameters: parameters)
      }
      allowed = allowed ?? row.method
    }
    return allowed.map { .wrongMethod(allowed: $0) } ?? .none
  }

  /// Decides on a request: 401 for a client without a permission, 405 for another method.
  ///
  /// - Parameter decide: decides by the action of the route.
  /// - Returns: nil for a path that no route has.
  public func admission(
    _ request: Request, _ peer: HTTPPeer,
    _ decide: (Action, [String]) -> HTTPAdmission = { _, _ in .small }
  ) -> HTTPAdmission? {
    let match = match(request.method, request.uri.path)
    if case .none = match { return nil }
    if peer.permission == .unauthenticated { return .refused(HTTPReply.unauthorized.response) }
    switch match {
    case .none: return nil
    case .wrongMethod(let allowed): return .refused(HTTPReply.methodNotAllowed(allowed: allowed).response)
    case .action(let action, let parameters): return decide(action, parameters)
    }
  }

  /// Answers a request with the action of its route: 401 for a client without a permission, 405 for another method.
  ///
  /// - Returns: nil for a path that no route has.
  public func answer(
    _ request: Request, _ peer: HTTPPeer, _ perform: (Action, [String]) async -> HTTPReply
  ) async -> Response? {
    let match = match(request.method, request.uri.path)
    if case .none = match { return nil }
    if peer.permission == .unauthenticated { return HTTPReply.unauthorized.response }
    switch match {
    case .none: return nil
    case .wrongMethod(let allowed): return HTTPReply.methodNotAllowed(allowed: allowed).response
    case .action(let action, let parameters): return await perform(action, parameters).response
    }
  }

  private static func parameters(_ segments: [Segment], _ given: [Substring]) -> [String]? {
    var values: [String] = []
    for (segment, text) in zip(segments, given) {
      switch segment {
      case .literal(let literal): guard text == literal else { return nil }
      case .parameter(let suffix):
        guard text.hasSuffix(suffix), text.utf8.count > suffix.utf8.count else { return nil }
        values.append(decoded(text.dropLast(suffix.count)))
      }
    }
    return values
  }

  private static func decoded(_ text: Substring) -> String {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
    return text.removingPercentEncoding ?? String(text)
  }
}
